"""The lines of `inspect` for float16 graphs."""

from dataclasses import replace

from diad_deploy.bundle.folder import Bundle
from diad_deploy.bundle.precision_spec import Float32Part, GraphRange, PrecisionSpec
from diad_export.cli.precision_facts import MAX_NAMED, precision_facts


def spec(*wide: Float32Part) -> PrecisionSpec:
    return PrecisionSpec(
        precision="float16",
        calibration="good",
        pictures=12,
        limit_abs=8188.0,
        ranges=(GraphRange(graph="decoder", node="conv_7", largest_abs=91234.5, nodes=300),),
        wide=wide,
    )


def part(node: str, largest_abs: float) -> Float32Part:
    return Float32Part(graph="decoder", node=node, reason="range", largest_abs=largest_abs)


def facts(bundle: Bundle, precision: PrecisionSpec | None) -> dict[str, str]:
    return dict(precision_facts(replace(bundle.manifest, precision=precision)))


def test_no_facts_for_float32(standin_bundle: Bundle) -> None:
    assert facts(standin_bundle, None) == {}


def test_counts_reasons_and_figures(standin_bundle: Bundle) -> None:
    sums = Float32Part(graph="decoder", node="ReduceSum", reason="sum", largest_abs=3.0, nodes=22)
    assert facts(standin_bundle, spec(sums, part("conv_7", 91234.5))) == {
        "precision": "float16, measured on 12 images (good); float32 beyond 8188",
        "decoder float32": "23 of 300 nodes (1 near float16's limit, 22 sums of many "
        "values); largest value 9.123e+04 at conv_7",
        "measured": "decoder's conv_7 9.123e+04",
    }


def test_the_largest_are_named_and_the_rest_counted(standin_bundle: Bundle) -> None:
    many = [part(f"conv_{place}", 9000.0 + place) for place in range(MAX_NAMED + 3)]
    measured = facts(standin_bundle, spec(*many))["measured"]
    assert measured.startswith(f"decoder's conv_{MAX_NAMED + 2} ")
    assert measured.endswith(" … and 3 more")
