"""What an abdomen is made of: Hounsfield units of every kind of tissue in four phases of contrast, and the labels.

The numbers are textbook values. No window of HU belongs to the labelled structures alone: enhanced kidney lies among
vessels, spleen and bone marrow, the three kinds of tumour among liver, spleen, pancreas and the walls of the bowel, and
cysts have the HU of the renal pelvis, the gall bladder and the content of the bowel.
"""

from enum import IntEnum

import numpy as np

from segpeft.data.phantoms.case import FloatArray

KIDNEY, TUMOUR = 1, 2
PHASES = ("none", "arterial", "portal", "nephrographic")
PHASE_SHARES = (0.05, 0.45, 0.3, 0.2)


class Kind(IntEnum):
    """Kinds of tissue, as rows of `HOUNSFIELD`, `TEXTURE` and `LABELS`."""

    AIR = 0
    TABLE_SHELL = 1
    TABLE_CORE = 2
    SUBCUTANEOUS = 3
    FAT = 4
    MUSCLE = 5
    COMPACT_BONE = 6
    MARROW = 7
    DISC = 8
    CANAL = 9
    LUNG = 10
    LIVER = 11
    SPLEEN = 12
    LESION = 13
    BILE = 14
    PANCREAS = 15
    ADRENAL = 16
    ADENOMA = 17
    BOWEL_WALL = 18
    BOWEL_CONTENT = 19
    GAS = 20
    ARTERY = 21
    VEIN = 22
    CORTEX = 23
    MEDULLA = 24
    SINUS_FAT = 25
    PELVIS = 26
    CYST = 27
    CLEAR_CELL = 28
    PAPILLARY = 29
    CHROMOPHOBE = 30
    NECROSIS = 31


TUMOUR_KINDS = (Kind.CLEAR_CELL, Kind.PAPILLARY, Kind.CHROMOPHOBE)
_TISSUE = {  # HU in each of PHASES; the last number is the standard deviation of the texture in HU
    Kind.AIR: (-1000, -1000, -1000, -1000, 0),
    Kind.TABLE_SHELL: (-180, -180, -180, -180, 0),
    Kind.TABLE_CORE: (-920, -920, -920, -920, 0),
    Kind.SUBCUTANEOUS: (-108, -108, -108, -108, 5),
    Kind.FAT: (-102, -102, -101, -101, 7),
    Kind.MUSCLE: (52, 58, 64, 64, 8),
    Kind.COMPACT_BONE: (520, 525, 530, 525, 40),
    Kind.MARROW: (165, 175, 185, 180, 25),
    Kind.DISC: (80, 82, 86, 86, 6),
    Kind.CANAL: (28, 30, 32, 32, 3),
    Kind.LUNG: (-830, -820, -815, -820, 35),
    Kind.LIVER: (58, 72, 112, 100, 6),
    Kind.SPLEEN: (48, 125, 122, 108, 6),
    Kind.LESION: (24, 34, 58, 64, 6),
    Kind.BILE: (9, 9, 10, 10, 2),
    Kind.PANCREAS: (42, 108, 94, 80, 9),
    Kind.ADRENAL: (24, 70, 76, 66, 4),
    Kind.ADENOMA: (12, 60, 72, 56, 6),
    Kind.BOWEL_WALL: (42, 82, 94, 84, 6),
    Kind.BOWEL_CONTENT: (16, 16, 18, 20, 12),
    Kind.GAS: (-940, -940, -940, -940, 20),
    Kind.ARTERY: (42, 290, 160, 138, 4),
    Kind.VEIN: (42, 92, 165, 140, 6),
    Kind.CORTEX: (34, 190, 180, 172, 6),
    Kind.MEDULLA: (30, 62, 132, 168, 6),
    Kind.SINUS_FAT: (-90, -90, -88, -88, 8),
    Kind.PELVIS: (7, 8, 10, 14, 3),
    Kind.CYST: (7, 8, 9, 10, 3),
    Kind.CLEAR_CELL: (38, 150, 124, 104, 20),
    Kind.PAPILLARY: (36, 52, 66, 74, 7),
    Kind.CHROMOPHOBE: (37, 98, 96, 88, 9),
    Kind.NECROSIS: (18, 21, 24, 25, 6),
}
HOUNSFIELD: FloatArray = np.array([_TISSUE[kind][:4] for kind in Kind], dtype=np.float32)  # (32, 4)
TEXTURE: FloatArray = np.array([_TISSUE[kind][4] for kind in Kind], dtype=np.float32)  # (32,)
_LABELLED = {
    **dict.fromkeys((Kind.CORTEX, Kind.MEDULLA, Kind.CYST), KIDNEY),
    **dict.fromkeys((*TUMOUR_KINDS, Kind.NECROSIS), TUMOUR),
}
LABELS = np.array([_LABELLED.get(kind, 0) for kind in Kind], dtype=np.uint8)  # the sinus and the pelvis carry none


def draw_hounsfield(rng: np.random.Generator, phase: int) -> FloatArray:
    """Returns the HU (32,) of one patient in a phase, an index into `PHASES`.

    How much a tissue takes up and how much each patient does varies by a tenth, and what it is made of by a few HU. In
    the last phase contrast has reached the renal pelvis of every third patient, and every third has drunk some.
    """
    plain = HOUNSFIELD[:, 0] + rng.normal(scale=2.5, size=len(HOUNSFIELD))
    uptake = (HOUNSFIELD[:, phase] - HOUNSFIELD[:, 0]) * rng.uniform(0.9, 1.1)
    values = plain + uptake * rng.uniform(0.93, 1.07, size=len(HOUNSFIELD))
    excreted, drunk = rng.uniform(size=2) < 1.0 / 3.0
    values[Kind.AIR] = HOUNSFIELD[Kind.AIR, 0]
    if excreted and PHASES[phase] == "nephrographic":
        values[Kind.PELVIS] = rng.uniform(250.0, 700.0)
    if drunk:
        values[Kind.BOWEL_CONTENT] = rng.uniform(120.0, 260.0)
    return np.asarray(values, dtype=np.float32)
