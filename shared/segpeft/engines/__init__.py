"""Engines and handlers that configs name: training, validation, evaluation, inference."""

from .base_loading import BaseLoader
from .batches import image_as_target
from .calibration import RegionECE
from .case_table import CaseTable
from .channel_adding import TrainedChannelsLoader
from .checkpoint_loading import ModelLoader, load_model
from .encoder_saving import EncoderSaver
from .evaluation_handlers import EvaluationHandlers
from .evaluator import Evaluator
from .inferers import FlipTTAInferer, WindowInferer, sliding_window
from .losses import RegionDiceBCELoss
from .outputs import SaveVolumed, postprocessing
from .pictures import side_by_side
from .precision import hold_frozen_in
from .progress import Progress
from .region_metrics import RegionDice, RegionHD95
from .report import RunSummary
from .resume import TrainingState
from .saving import ModelSaver
from .schedule import OneCycle, ScheduleHandler
from .seeding import SeedEveryEpoch
from .tensorboard import TensorBoard
from .trainer import Trainer
from .training_handlers import TrainingHandlers

__all__ = [
    "BaseLoader",
    "CaseTable",
    "EncoderSaver",
    "EvaluationHandlers",
    "Evaluator",
    "FlipTTAInferer",
    "ModelLoader",
    "ModelSaver",
    "OneCycle",
    "Progress",
    "RegionDice",
    "RegionDiceBCELoss",
    "RegionECE",
    "RegionHD95",
    "RunSummary",
    "SaveVolumed",
    "ScheduleHandler",
    "SeedEveryEpoch",
    "TensorBoard",
    "TrainedChannelsLoader",
    "Trainer",
    "TrainingHandlers",
    "TrainingState",
    "WindowInferer",
    "hold_frozen_in",
    "image_as_target",
    "load_model",
    "postprocessing",
    "side_by_side",
    "sliding_window",
]
