"""Cells that papers found on the DARTS space, as their authors released them.

SETN's normal cell uses ``conv_3x1_1x3``, which the DARTS space does not have, and NASNet, AmoebaNet
and PNASNet use operations of their own; these are left out.
"""

from __future__ import annotations

from swarmnas.checks import one_of
from swarmnas.spaces.genotype import Choice, Genotype

__all__ = ["available_genotypes", "named_genotype"]

_OPERATIONS = {
    "maxp": "max_pool_3x3",
    "avgp": "avg_pool_3x3",
    "skip": "skip_connect",
    "sep3": "sep_conv_3x3",
    "sep5": "sep_conv_5x5",
    "dil3": "dil_conv_3x3",
    "dil5": "dil_conv_5x5",
}

_PUBLISHED = {
    "DARTS_V1": (
        "sep3@1 sep3@0 skip@0 sep3@1 skip@0 sep3@1 sep3@0 skip@2",
        "maxp@0 maxp@1 skip@2 maxp@0 maxp@0 skip@2 skip@2 avgp@0",
        "quark0/darts:cnn/genotypes.py",
    ),
    "DARTS_V2": (
        "sep3@0 sep3@1 sep3@0 sep3@1 sep3@1 skip@0 skip@0 dil3@2",
        "maxp@0 maxp@1 skip@2 maxp@1 maxp@0 skip@2 skip@2 maxp@1",
        "quark0/darts:cnn/genotypes.py",
    ),
    "PC_DARTS_cifar": (
        "sep3@1 skip@0 sep3@0 dil3@1 sep5@0 sep3@1 avgp@0 dil3@1",
        "sep5@1 maxp@0 sep5@1 sep5@2 sep3@0 sep3@3 sep3@1 sep3@2",
        "yuhuixu1993/PC-DARTS:genotypes.py",
    ),
    "PC_DARTS_image": (
        "skip@1 sep3@0 sep3@0 skip@1 sep3@1 sep3@3 sep3@1 dil5@4",
        "sep3@0 skip@1 dil5@2 maxp@1 sep3@2 sep3@1 sep5@0 sep3@3",
        "yuhuixu1993/PC-DARTS:genotypes.py",
    ),
    "PDARTS": (
        "skip@0 dil3@1 skip@0 sep3@1 sep3@1 sep3@3 sep3@0 dil5@4",
        "avgp@0 sep5@1 sep3@0 dil5@2 maxp@0 dil3@1 dil3@1 dil5@3",
        "chenxin061/pdarts:genotypes.py",
    ),
    "DrNAS_cifar10": (
        "sep3@0 sep5@1 sep3@1 sep3@2 skip@0 sep3@1 sep3@2 dil5@3",
        "maxp@0 sep5@1 dil5@2 sep5@1 sep5@1 dil5@3 skip@4 sep5@1",
        "xiangning-chen/DrNAS:DARTS-space/genotypes.py",
    ),
    "DrNAS_imagenet": (
        "sep3@1 sep3@0 sep3@0 sep3@1 sep3@0 dil3@3 skip@0 sep3@1",
        "maxp@0 sep3@1 sep3@0 skip@2 sep3@0 sep3@2 sep3@3 sep3@1",
        "xiangning-chen/DrNAS:DARTS-space/genotypes.py",
    ),
    "oles_cifar10": (
        "sep3@1 sep3@0 sep5@0 sep3@1 sep3@0 sep5@1 sep3@0 dil3@1",
        "maxp@0 sep3@1 avgp@0 skip@2 skip@2 avgp@0 skip@2 skip@3",
        "PasaLab/oles:genotypes.py",
    ),
    "oles_cifar100": (
        "skip@0 sep3@1 skip@0 sep5@1 skip@0 skip@1 skip@0 sep3@1",
        "skip@0 sep5@1 maxp@0 skip@2 maxp@0 skip@2 skip@2 maxp@0",
        "PasaLab/oles:genotypes.py",
    ),
    "shapley_nas_cifar10": (
        "sep3@0 sep3@1 sep3@1 dil3@0 dil3@2 skip@3 sep3@1 dil5@3",
        "sep3@1 maxp@0 dil5@2 sep3@0 sep3@2 maxp@0 dil3@3 skip@2",
        "Euphoria16/Shapley-NAS:genotypes.py",
    ),
    "shapley_nas_imagenet": (
        "sep3@1 sep5@0 dil5@2 skip@1 sep3@2 sep5@0 sep3@1 skip@2",
        "sep3@1 dil3@0 avgp@2 sep5@1 sep3@3 skip@1 sep3@2 sep3@4",
        "Euphoria16/Shapley-NAS:genotypes.py",
    ),
    "eg_nas_cifar10": (
        "sep5@1 sep3@0 dil3@2 sep3@0 sep3@2 maxp@0 avgp@0 sep5@4",
        "skip@0 maxp@1 sep3@1 sep3@0 sep5@3 maxp@1 sep3@4 maxp@2",
        "caicaicheng/EG-NAS:genotypes.py",
    ),
    "eg_nas_imagenet": (
        "dil3@0 dil5@1 maxp@0 dil3@1 sep3@1 sep5@0 maxp@4 dil5@2",
        "sep3@0 maxp@1 maxp@0 dil5@2 maxp@1 avgp@0 dil3@1 dil5@2",
        "caicaicheng/EG-NAS:genotypes.py",
    ),
    "SGAS_Cri1_CIFAR_Best": (
        "sep3@0 dil3@1 sep3@0 sep3@1 sep5@1 sep5@3 skip@0 dil5@2",
        "maxp@0 dil5@1 sep3@0 skip@2 sep3@1 skip@2 maxp@0 maxp@1",
        "lightaime/sgas:cnn/genotypes.py",
    ),
    "SGAS_Cri2_CIFAR_Best": (
        "sep3@0 sep3@1 sep3@0 sep3@2 maxp@0 sep3@3 sep3@2 sep3@3",
        "sep3@0 maxp@1 dil3@0 maxp@1 maxp@0 sep3@2 maxp@0 sep5@2",
        "lightaime/sgas:cnn/genotypes.py",
    ),
    "SGAS_Cri1_ImageNet_Best": (
        "sep3@0 dil3@1 sep3@0 sep3@1 sep5@1 sep5@3 skip@0 dil5@2",
        "maxp@0 dil5@1 sep3@0 skip@2 sep3@1 skip@2 maxp@0 maxp@1",
        "lightaime/sgas:cnn/genotypes.py",
    ),
    "SGAS_Cri2_ImageNet_Best": (
        "sep3@0 sep3@1 sep3@0 sep3@1 dil5@0 dil3@2 sep3@1 dil5@3",
        "sep5@0 dil3@1 maxp@0 maxp@1 dil3@0 dil5@2 maxp@0 avgp@1",
        "lightaime/sgas:cnn/genotypes.py",
    ),
    "lambdadarts_sign_0": (
        "sep5@1 sep3@0 dil5@2 dil3@0 dil3@3 sep3@0 dil3@4 skip@0",
        "sep3@0 maxp@1 skip@0 skip@2 sep5@3 dil3@2 dil5@4 sep5@3",
        "dr-faustus/Lambda-DARTS:sota/cnn/genotypes.py",
    ),
    "lambdadarts_sign_1": (
        "sep3@1 sep5@0 sep3@1 skip@0 sep3@2 sep3@1 maxp@0 dil5@4",
        "maxp@0 sep3@1 maxp@0 skip@2 dil5@3 maxp@0 dil5@2 sep5@0",
        "dr-faustus/Lambda-DARTS:sota/cnn/genotypes.py",
    ),
    "lambdadarts_sign_2": (
        "sep3@1 skip@0 sep3@2 sep3@1 dil5@3 sep3@1 dil3@3 sep5@2",
        "maxp@0 skip@1 maxp@0 dil5@2 maxp@0 dil5@3 dil5@4 dil5@3",
        "dr-faustus/Lambda-DARTS:sota/cnn/genotypes.py",
    ),
    "lambdadarts_sign_3": (
        "sep3@1 skip@0 sep3@1 sep3@2 sep3@1 dil5@3 dil3@3 dil3@2",
        "avgp@1 maxp@0 skip@2 maxp@0 dil5@3 skip@2 skip@2 skip@3",
        "dr-faustus/Lambda-DARTS:sota/cnn/genotypes.py",
    ),
    "lambdadarts_corr_0": (
        "sep5@0 skip@1 sep3@2 sep5@1 sep3@1 maxp@0 dil3@2 maxp@0",
        "skip@1 skip@0 maxp@0 dil3@2 dil5@3 dil5@1 skip@1 sep5@2",
        "dr-faustus/Lambda-DARTS:sota/cnn/genotypes.py",
    ),
    "lambdadarts_corr_1": (
        "sep3@0 sep5@1 sep3@1 sep3@0 sep3@1 skip@0 skip@0 sep3@1",
        "maxp@0 maxp@1 maxp@0 maxp@1 maxp@0 dil5@3 dil5@4 dil5@3",
        "dr-faustus/Lambda-DARTS:sota/cnn/genotypes.py",
    ),
    "lambdadarts_corr_2": (
        "sep3@0 sep3@1 sep3@1 skip@0 sep3@1 skip@0 sep3@4 dil3@3",
        "skip@0 maxp@1 maxp@0 sep5@1 dil5@3 maxp@0 dil5@3 dil5@4",
        "dr-faustus/Lambda-DARTS:sota/cnn/genotypes.py",
    ),
    "lambdadarts_corr_3": (
        "sep3@0 sep3@1 sep3@0 skip@1 sep3@1 sep3@0 dil5@4 maxp@1",
        "skip@0 skip@1 dil5@2 sep3@1 dil5@3 avgp@0 skip@1 dil5@4",
        "dr-faustus/Lambda-DARTS:sota/cnn/genotypes.py",
    ),
    "GDAS_V1": (
        "skip@0 skip@1 skip@0 sep5@2 sep3@3 skip@0 sep5@4 sep3@3",
        "sep5@0 sep3@1 sep5@2 sep5@1 dil5@2 sep3@1 sep5@0 sep5@1",
        "D-X-Y/AutoDL-Projects:xautodl/nas_infer_model/DXYs/genotypes.py",
    ),
}
"""Name -> normal cell, reduction cell, where it stands; ``op@source``, two a node from node 2."""


def available_genotypes() -> dict[str, str]:
    """Return for every named genotype the repository and file that published it."""
    return {name: source for name, (_, _, source) in _PUBLISHED.items()}


def named_genotype(name: str) -> Genotype:
    """Return a published genotype of the space ``darts``.

    Raises:
        UnknownNameError: No such name; the message lists the nearest.

    Example:
        >>> named_genotype("DARTS_V2").count("dil_conv_3x3")
        1
    """
    normal, reduce, _ = _PUBLISHED[one_of("genotype", name, _PUBLISHED)]
    return Genotype("darts", (("normal", _cell(normal)), ("reduce", _cell(reduce))))


def _cell(words: str) -> tuple[Choice, ...]:
    pairs = [word.split("@") for word in words.split()]
    return tuple(
        Choice(_OPERATIONS[operation], int(source), 2 + number // 2)
        for number, (operation, source) in enumerate(pairs)
    )
