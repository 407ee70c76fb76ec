"""Release of the objects that a traceback keeps alive."""

import traceback


def clear_frames(error: BaseException) -> None:
    """Clear the local variables of the frames in the traceback of an error and its causes.

    An error keeps them alive, and with them sessions, engines and GPU memory of a model that failed
    to open, for as long as a caller handles or stores it. Frames that are executing are unchanged.
    """
    current: BaseException | None = error
    while current is not None:
        traceback.clear_frames(current.__traceback__)
        current = current.__cause__
