"""What a male pelvis is made of: signal in T2 and ADC of every kind of tissue, and which kinds are a zone of the gland.

Signals are relative, those of ADC to 1e-3 mm2/s. Neither channel tells the zones apart alone: a part of the peripheral
zone has the T2 of the transition zone's stroma and another one its ADC, and cystic nodules of the transition zone have
the T2 of the one and the ADC of the other. The gland's surroundings continue the ADC of its peripheral zone, so that
its border shows in T2 alone.
"""

from enum import IntEnum

import numpy as np

from segpeft.data.phantoms.case import FloatArray

PERIPHERAL, TRANSITION = 1, 2


class Kind(IntEnum):
    """Kinds of tissue, as rows of `SIGNALS` and `LABELS`."""

    AIR = 0
    FAT = 1
    MUSCLE = 2
    COMPACT_BONE = 3
    MARROW = 4
    URINE = 5
    HOLLOW_WALL = 6
    GAS = 7
    STOOL = 8
    VESICLE = 9
    PLEXUS = 10
    PLEXUS_DARKENED = 11
    PLEXUS_RESTRICTED = 12
    PERIPHERAL = 13
    PERIPHERAL_DARKENED = 14
    PERIPHERAL_RESTRICTED = 15
    STROMA = 16
    FIBROUS = 17
    CYSTIC_NODULE = 18
    STROMAL_NODULE = 19
    PERIPHERAL_LESION = 20
    TRANSITION_LESION = 21


_SIGNAL = {  # T2, ADC
    Kind.AIR: (0.0, 0.0),
    Kind.FAT: (2.4, 0.25),
    Kind.MUSCLE: (0.35, 1.2),
    Kind.COMPACT_BONE: (0.12, 0.15),
    Kind.MARROW: (1.2, 0.4),
    Kind.URINE: (3.4, 2.8),
    Kind.HOLLOW_WALL: (0.55, 1.25),
    Kind.GAS: (0.02, 0.05),
    Kind.STOOL: (1.6, 1.4),
    Kind.VESICLE: (2.7, 1.9),
    Kind.PLEXUS: (2.9, 2.1),
    Kind.PLEXUS_DARKENED: (2.9, 1.6),
    Kind.PLEXUS_RESTRICTED: (2.9, 1.0),
    Kind.PERIPHERAL: (2.0, 2.1),
    Kind.PERIPHERAL_DARKENED: (0.8, 1.6),
    Kind.PERIPHERAL_RESTRICTED: (1.4, 1.0),
    Kind.STROMA: (0.8, 1.0),
    Kind.FIBROUS: (0.5, 0.95),
    Kind.CYSTIC_NODULE: (1.4, 1.6),
    Kind.STROMAL_NODULE: (0.65, 0.95),
    Kind.PERIPHERAL_LESION: (0.7, 0.6),
    Kind.TRANSITION_LESION: (0.7, 0.6),
}
SIGNALS: FloatArray = np.array([_SIGNAL[kind] for kind in Kind], dtype=np.float32)  # (22, 2)
_ZONES = {
    PERIPHERAL: (
        Kind.PERIPHERAL,
        Kind.PERIPHERAL_DARKENED,
        Kind.PERIPHERAL_RESTRICTED,
        Kind.PERIPHERAL_LESION,
    ),
    TRANSITION: (
        Kind.STROMA,
        Kind.FIBROUS,
        Kind.CYSTIC_NODULE,
        Kind.STROMAL_NODULE,
        Kind.TRANSITION_LESION,
    ),
}
LABELS = np.array([next((zone for zone, kinds in _ZONES.items() if k in kinds), 0) for k in Kind], dtype=np.uint8)
