"""XLT, training half: fine-tuning on the datasets of `xlt_augment`, with which it shares files and no import.

    from xlt_train import evaluate, fit, report

    run = fit("train-synonym-m10-p0.1", method="rs-da", num_train_epochs=3)
    evaluate(run.path, "xtreme/pawsx", pairs="all")
    report([run.path], out="report")

Names are loaded on first use, so that `import xlt_train` costs next to nothing.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xlt_train.data.dataset import TrainingSet as TrainingSet
    from xlt_train.errors import XltError as XltError
    from xlt_train.evaluation.evaluate import evaluate as evaluate
    from xlt_train.methods.base import Method as Method
    from xlt_train.methods.registry import METHODS as METHODS
    from xlt_train.probing.probe import probe as probe
    from xlt_train.reporting.build import report as report
    from xlt_train.training.fit import fit as fit
    from xlt_train.training.trainer import RobustTrainer as RobustTrainer

_HOMES = {
    "METHODS": "methods.registry",
    "Method": "methods.base",
    "RobustTrainer": "training.trainer",
    "TrainingSet": "data.dataset",
    "XltError": "errors",
    "evaluate": "evaluation.evaluate",
    "fit": "training.fit",
    "probe": "probing.probe",
    "report": "reporting.build",
}

__all__ = ["METHODS", "Method", "RobustTrainer", "TrainingSet", "XltError", "evaluate", "fit", "probe", "report"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'xlt_train' has no attribute {name!r}")
    return getattr(importlib.import_module(f"xlt_train.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
