"""Federated training: sites keep their images, and exchange the trainable state of a network on one frozen base.

:class:`AdapterAlgo` trains a bundle at a site by MONAI's ``MonaiAlgo``; :func:`average` is what a server does with the
answers. ``python -m segpeft.federated`` simulates sites in one process; ``nvflare_*`` are the parts for NVFlare.
"""

from .adapter_algo import AdapterAlgo
from .averaging import average
from .update import Update, check_update, load_update, update_of

__all__ = ["AdapterAlgo", "Update", "average", "check_update", "load_update", "update_of"]
