"""The kidneys of the abdomen phantom, reconstructed on a field of view of their own as for planning an operation."""

from dataclasses import replace

from segpeft.data.phantoms.abdomen import PHANTOM as ABDOMEN
from segpeft.data.phantoms.abdomen import abdomen_case
from segpeft.data.phantoms.case import PhantomCase, Shape

FIELD_OF_VIEW = (240.0, 240.0, 200.0)  # mm; the kidneys with their tumours and what they lie against


def kidneys_case(shape: Shape | None, seed: int, index: int) -> PhantomCase:
    """Makes the patient of `abdomen_case` with the same arguments, on the field of view of the kidneys."""
    return abdomen_case(shape, seed, index, FIELD_OF_VIEW)


PHANTOM = replace(
    ABDOMEN,
    name="kidneys",
    title="Kidneys phantom",
    description="Synthetic kidneys with tumours and cysts on CT, targeted field of view. No patient data; not for "
    "clinical use.",
    file_prefix="kidneys",
    make_case=kidneys_case,
)
