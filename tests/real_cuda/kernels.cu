// The stand-in bundle's four graphs (tests/standin/graphs.py), one kernel each, in float32.
// Arrays are dense; `side` is the latents' side, and an image's side is FACTOR * side.

#define CHANNELS 4
#define FACTOR 8
#define NOISE_SHARE 0.25f

// Working memory is written over before every graph, as an engine may do.
extern "C" __global__ void scribble(unsigned char *scratch, int size) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < size) scratch[i] = 0xAB;
}

extern "C" __global__ void encoder(const float *image, const float *noise,
                                   const float *posterior_noise, float *latents, float *hint,
                                   int batch, int side) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= batch * CHANNELS * side * side) return;
    int x = i % side, y = i / side % side;
    int channel = i / (side * side) % CHANNELS, picture = i / (side * side * CHANNELS);
    float mean = 0.0f;
    if (channel < 3) {
        int width = FACTOR * side;
        const float *corner = image + ((picture * 3 + channel) * width + FACTOR * y) * width + FACTOR * x;
        for (int row = 0; row < FACTOR; ++row)
            for (int column = 0; column < FACTOR; ++column) mean += corner[row * width + column];
        mean /= FACTOR * FACTOR;
    }
    hint[i] = mean;
    latents[i] = mean + noise[i] * NOISE_SHARE + posterior_noise[i] * NOISE_SHARE;
}

extern "C" __global__ void denoiser(const float *latents, const float *hint, const float *timestep,
                                    const float *latents_scale, const float *noise_scale,
                                    float *next_latents, int batch, int side) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= batch * CHANNELS * side * side) return;
    float predicted = latents[i] - hint[i];
    next_latents[i] =
        latents[i] * latents_scale[0] + predicted * noise_scale[0] + timestep[0] * 0.0f;
}

extern "C" __global__ void decoder(const float *latents, float *reconstruction, int batch,
                                   int side) {
    int width = FACTOR * side;
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= batch * 3 * width * width) return;
    int x = i % width, y = i / width % width;
    int channel = i / (width * width) % 3, picture = i / (width * width * 3);
    reconstruction[i] =
        latents[((picture * CHANNELS + channel) * side + y / FACTOR) * side + x / FACTOR];
}

// One block per image. fmaxf ignores NaN, as a GPU's maximum may.
extern "C" __global__ void scorer(const float *image, const float *reconstruction,
                                  float *anomaly_map, float *image_score, int batch, int side) {
    __shared__ float largest[BLOCK];
    int width = FACTOR * side, area = width * width, picture = blockIdx.x;
    if (picture >= batch) return;
    float found = -1.0f;
    for (int i = threadIdx.x; i < area; i += BLOCK) {
        float sum = 0.0f;
        for (int channel = 0; channel < 3; ++channel) {
            int place = (picture * 3 + channel) * area + i;
            sum += fabsf(image[place] - reconstruction[place]);
        }
        anomaly_map[picture * area + i] = sum / 3.0f;
        found = fmaxf(found, sum / 3.0f);
    }
    largest[threadIdx.x] = found;
    __syncthreads();
    for (int half = BLOCK / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) largest[threadIdx.x] = fmaxf(largest[threadIdx.x], largest[threadIdx.x + half]);
        __syncthreads();
    }
    if (threadIdx.x == 0) image_score[picture] = largest[0];
}
