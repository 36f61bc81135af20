"""The loss of overlapping regions."""

from __future__ import annotations

from monai.losses import DiceLoss
from torch import Tensor, nn

from .batches import plain


class RegionDiceBCELoss(nn.Module):
    """Soft Dice plus binary cross-entropy, each region by itself.

    ``L = w_dice (1 - mean_r Dice(sigmoid(z_r), y_r)) + w_bce mean_r BCE(sigmoid(z_r), y_r)``. Regions such as whole
    tumour, tumour core and enhancing tumour contain each other, so a voxel belongs to several and every region is a
    question of its own. MONAI's ``DiceCELoss(sigmoid=True)`` does not ask it that way: its cross-entropy takes a
    softmax over the channels, whatever ``sigmoid`` says (MONAI 1.6.1), which makes the regions compete.

    Computed in float32, also under autocast: half precision can't sum a volume's voxels.

    Args:
        dice_weight: w_dice.
        bce_weight: w_bce.
        squared_pred: squares in Dice's denominator (V-Net's form).
        batch: Dice over the batch as one volume instead of over each sample; steadier where regions may be absent.
        smooth: added to numerator and denominator of Dice, in voxels.
    """

    def __init__(
        self,
        dice_weight: float = 1.0,
        bce_weight: float = 1.0,
        squared_pred: bool = False,
        batch: bool = False,
        smooth: float = 1e-5,
    ) -> None:
        super().__init__()
        self.dice_weight = dice_weight
        self.bce_weight = bce_weight
        self.dice = DiceLoss(sigmoid=True, squared_pred=squared_pred, batch=batch, smooth_nr=smooth, smooth_dr=smooth)
        self.bce = nn.BCEWithLogitsLoss()

    def forward(self, logits: Tensor, label: Tensor) -> Tensor:
        """Returns the loss (a scalar).

        Args:
            logits: (B, R, H, W, D).
            label: (B, R, H, W, D), 0 or 1, of any type.
        """
        logits, label = plain(logits).float(), plain(label).float()
        return self.dice_weight * self.dice(logits, label) + self.bce_weight * self.bce(logits, label)
