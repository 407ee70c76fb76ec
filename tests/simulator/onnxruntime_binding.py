"""The addresses of a simulated session's inputs and outputs."""

import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.simulator.memory import SimulationFault
from tests.simulator.tensorrt import TYPES


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundTensor:
    """The address of a tensor."""

    address: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def size_bytes(self) -> int:
        return int(np.prod(self.shape)) * self.dtype.itemsize


Bound = dict[str, BoundTensor]


class SimulatedBinding:
    """Names and raw addresses. Only memory of the session's device can be bound."""

    def __init__(self, session: Any) -> None:
        self._session = weakref.proxy(session)
        self._inputs: Bound = {}
        self._outputs: Bound = {}

    def bind_input(
        self,
        name: str,
        device_type: str,
        device_id: int,
        element_type: Any,
        shape: Sequence[int],
        buffer_ptr: int,
    ) -> None:
        names = [node.name for node in self._session.get_inputs()]
        place = self._place(names, name, device_type, device_id, element_type, shape, buffer_ptr)
        self._inputs[name] = place

    def bind_output(
        self,
        name: str,
        device_type: str = "cpu",
        device_id: int = 0,
        element_type: Any = None,
        shape: Sequence[int] | None = None,
        buffer_ptr: int | None = None,
    ) -> None:
        if shape is None or buffer_ptr is None:
            raise SimulationFault(f"{name} would lie at another address each time")
        names = [node.name for node in self._session.get_outputs()]
        place = self._place(names, name, device_type, device_id, element_type, shape, buffer_ptr)
        self._outputs[name] = place

    def all_bound(self) -> Bound:
        """All inputs and outputs, in the graph's order."""
        bound = self._inputs | self._outputs
        missing = [name for name in self._session.nodes if name not in bound]
        if missing:
            raise RuntimeError(f"[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : missing {missing}")
        return {name: bound[name] for name in self._session.nodes}

    def _place(
        self,
        names: list[str],
        name: str,
        device_type: str,
        device_id: int,
        element_type: Any,
        shape: Sequence[int],
        address: int,
    ) -> BoundTensor:
        session = self._session
        if name not in names:
            raise RuntimeError(f"[ONNXRuntimeError] : 1 : FAIL : no node of the name {name}")
        place = BoundTensor(address=address, shape=tuple(shape), dtype=np.dtype(element_type))
        node = session.nodes[name]
        free = [isinstance(size, str) for size in node.shape]
        fits = len(free) == len(place.shape) and all(
            is_free or size == expected
            for is_free, size, expected in zip(free, place.shape, node.shape, strict=True)
        )
        if place.dtype != TYPES[node.type][1] or not fits:
            raise RuntimeError(
                f"[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : {name}: expected {node.type} "
                f"{node.shape}, found {place.dtype} {shape}"
            )
        if (device_type, device_id) != ("cuda", session.device):
            raise SimulationFault(
                f"{name} on {device_type}:{device_id} is copied at each run to {session.device}"
            )
        memory = session.runtime.cudart.memory
        memory.view("device", address, place.size_bytes, device=session.device)
        return place
