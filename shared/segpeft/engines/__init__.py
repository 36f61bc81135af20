"""Engines and handlers that configs name: training, validation, evaluation, inference."""

from .base_holding import BaseHolder
from .base_loading import BaseLoader
from .batch_statistics import SharedStatistics, distribute
from .batches import image_as_target
from .calibration import RegionECE
from .case_table import CaseTable
from .channel_adding import TrainedChannelsLoader
from .checkpoint_loading import ModelLoader, load_model
from .distributed import join_processes
from .encoder_saving import EncoderSaver
from .evaluation_handlers import EvaluationHandlers
from .evaluator import Evaluator
from .frozen_eval import FrozenEval
from .inferers import FlipTTAInferer, WindowInferer, sliding_window
from .losses import RegionDiceBCELoss
from .outputs import SaveVolumed, postprocessing
from .pictures import side_by_side
from .progress import Progress
from .reconstruction_loss import ReconstructionLoss, lower_is_better
from .reconstruction_picture import ReconstructionPicture
from .region_metrics import RegionDice, RegionHD95
from .report import RunSummary
from .resume import TrainingState
from .run_record import RunRecord
from .saving import ModelSaver
from .schedule import OneCycle
from .seeding import SeedEveryEpoch
from .stream_report import StreamReport
from .tensorboard import TensorBoard
from .trainer import Trainer
from .training_handlers import TrainingHandlers
from .warmup_cosine import WarmupCosine
from .weight_decay import decay_groups

__all__ = [
    "BaseHolder",
    "BaseLoader",
    "CaseTable",
    "EncoderSaver",
    "EvaluationHandlers",
    "Evaluator",
    "FlipTTAInferer",
    "FrozenEval",
    "ModelLoader",
    "ModelSaver",
    "OneCycle",
    "Progress",
    "ReconstructionLoss",
    "ReconstructionPicture",
    "RegionDice",
    "RegionDiceBCELoss",
    "RegionECE",
    "RegionHD95",
    "RunRecord",
    "RunSummary",
    "SaveVolumed",
    "SeedEveryEpoch",
    "SharedStatistics",
    "StreamReport",
    "TensorBoard",
    "TrainedChannelsLoader",
    "Trainer",
    "TrainingHandlers",
    "TrainingState",
    "WarmupCosine",
    "WindowInferer",
    "decay_groups",
    "distribute",
    "image_as_target",
    "join_processes",
    "load_model",
    "lower_is_better",
    "postprocessing",
    "side_by_side",
    "sliding_window",
]
