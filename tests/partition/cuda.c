/* What of CUDA has to answer for ONNX Runtime to open a session: handles, memory of the host in the
 * place of the device's, and the properties of a GPU of compute capability 8.9. All else returns 0
 * (see standin_cuda.py). Nothing is computed.
 *
 * Functions take fewer arguments here than their callers give: those that matter come first. */
#include <stdlib.h>
#include <string.h>

#define HANDLE(name) int name(void **made) { *made = calloc(1, 4096); return 0; }
#define FIRST(name, type, value) int name(type *given) { *given = value; return 0; }
#define SECOND(name, type, value) int name(void *of, type *given) { *given = value; return 0; }
#define TEXT(name) const char *name(void) { return "stand-in"; }

HANDLE(cudaStreamCreate)
HANDLE(cudaStreamCreateWithFlags)
HANDLE(cudaStreamCreateWithPriority)
HANDLE(cudaEventCreate)
HANDLE(cudaEventCreateWithFlags)
HANDLE(cudaGraphInstantiate)
HANDLE(cudaMemPoolCreate)
HANDLE(cudaDeviceGetDefaultMemPool)
HANDLE(cudaDeviceGetMemPool)
HANDLE(cudaGetSymbolAddress)
HANDLE(cublasCreate_v2)
HANDLE(cublasLtCreate)
HANDLE(cudnnCreate)
HANDLE(cudnnCreateTensorDescriptor)
HANDLE(cudnnCreateFilterDescriptor)
HANDLE(cudnnCreateConvolutionDescriptor)
HANDLE(cudnnCreatePoolingDescriptor)
HANDLE(cudnnCreateReduceTensorDescriptor)
HANDLE(cudnnCreateActivationDescriptor)
HANDLE(curandCreateGenerator)

FIRST(cudaGetDevice, int, 0)
FIRST(cudaGetDeviceCount, int, 1)
FIRST(cudaChooseDevice, int, 0)
FIRST(cudaDeviceGetByPCIBusId, int, 0)
FIRST(cudaDeviceCanAccessPeer, int, 0)
FIRST(cudaDeviceGetP2PAttribute, int, 0)
FIRST(cudaDeviceGetCacheConfig, int, 0)
FIRST(cudaDeviceGetLimit, size_t, 0)
FIRST(cudaGetDeviceFlags, unsigned, 0)
FIRST(cudaHostGetFlags, unsigned, 0)
FIRST(cudaDriverGetVersion, int, 13000)
FIRST(cudaRuntimeGetVersion, int, 13000)
FIRST(cudaEventElapsedTime, float, 1)
FIRST(cudaEventElapsedTime_v2, float, 1)
FIRST(cudaOccupancyMaxActiveBlocksPerMultiprocessor, int, 2)
FIRST(cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags, int, 2)
FIRST(cudaOccupancyAvailableDynamicSMemPerBlock, size_t, 0)
FIRST(cudaGetExportTable, const void *, 0)

SECOND(cudaStreamIsCapturing, int, 0)
SECOND(cudaStreamGetCaptureInfo_v3, int, 0)
SECOND(cudaStreamGetFlags, unsigned, 1)
SECOND(cudaStreamGetPriority, int, 0)
SECOND(cudaStreamGetDevice, int, 0)
SECOND(cudaStreamGetId, unsigned long long, 1)
SECOND(cudaGetDriverEntryPoint, void *, 0)
SECOND(cudaGetDriverEntryPointByVersion, void *, 0)
SECOND(cublasGetVersion_v2, int, 130000)
SECOND(cublasGetMathMode, int, 0)
SECOND(cublasGetPointerMode_v2, int, 0)
SECOND(cublasGetStream_v2, void *, 0)

TEXT(cudaGetErrorString)
TEXT(cudaGetErrorName)
TEXT(cublasGetStatusString)
TEXT(cublasGetStatusName)
TEXT(cudnnGetErrorString)

size_t cudnnGetVersion(void) { return 92801; }
int cudnnBackendCreateDescriptor(int kind, void **made) { *made = calloc(1, 4096); return 0; }
void *__cudaRegisterFatBinary(void) { return calloc(1, 4096); }

static int allocate(void **made, size_t bytes) { *made = malloc(bytes); return 0; }
static int release(void *memory) { free(memory); return 0; }
int cudaMalloc(void **made, size_t bytes) { return allocate(made, bytes); }
int cudaMallocAsync(void **made, size_t bytes) { return allocate(made, bytes); }
int cudaMallocFromPoolAsync(void **made, size_t bytes) { return allocate(made, bytes); }
int cudaMallocManaged(void **made, size_t bytes) { return allocate(made, bytes); }
int cudaMallocHost(void **made, size_t bytes) { return allocate(made, bytes); }
int cudaHostAlloc(void **made, size_t bytes) { return allocate(made, bytes); }
int cudaFree(void *memory) { return release(memory); }
int cudaFreeAsync(void *memory) { return release(memory); }
int cudaFreeHost(void *memory) { return release(memory); }
int cudaMemcpy(void *to, const void *from, size_t bytes) { memcpy(to, from, bytes); return 0; }
int cudaMemcpyAsync(void *to, const void *from, size_t bytes) { return cudaMemcpy(to, from, bytes); }
int cudaMemset(void *to, int value, size_t bytes) { memset(to, value, bytes); return 0; }
int cudaMemsetAsync(void *to, int value, size_t bytes) { return cudaMemset(to, value, bytes); }
int cudaHostGetDevicePointer(void **device, void *host) { *device = host; return 0; }
int cudaMemGetInfo(size_t *unused, size_t *all) { *unused = 70ull << 30; *all = 80ull << 30; return 0; }
int cudaPointerGetAttributes(void *found) { memset(found, 0, 32); return 0; }
int cudaFuncGetAttributes(void *found) { memset(found, 0, 64); return 0; }
int cudaGetKernel(void **kernel, void *function) { *kernel = function; return 0; }
int cudaLaunchHostFunc(void *stream, void (*call)(void *), void *with) { call(with); return 0; }
int cudaDeviceGetPCIBusId(char *name, int room) { strncpy(name, "0000:00:00.0", room); return 0; }

int cudaDeviceGetAttribute(int *value, int attribute)
{
    enum { PROCESSORS = 16, MAJOR = 75, MINOR = 76 };
    *value = attribute == MAJOR ? 8 : attribute == MINOR ? 9 : attribute == PROCESSORS ? 100 : 1;
    return 0;
}

/* The beginning of CUDA's cudaDeviceProp, the same in CUDA 12 and 13. */
struct properties {
    char name[256], uuid[16], luid[8];
    unsigned mask;
    size_t memory, shared_memory;
    int registers, warp;
    size_t pitch;
    int threads, block[3], grid[3];
    size_t constant_memory;
    int major, minor;
};

int cudaGetDeviceProperties(struct properties *found)
{
    memset(found, 0, 1008); /* CUDA 13's is the shortest */
    strcpy(found->name, "stand-in");
    found->memory = 80ull << 30;
    found->shared_memory = 49152;
    found->registers = 65536;
    found->warp = 32;
    found->threads = found->block[0] = 1024;
    found->grid[0] = 1 << 30;
    found->major = 8;
    found->minor = 9;
    return 0;
}
int cudaGetDeviceProperties_v2(struct properties *found) { return cudaGetDeviceProperties(found); }
