"""What stands in for an asset."""

from __future__ import annotations

from pathlib import Path

from relab.errors import UserError
from relab.rehearsal import files, models
from relab.settings.assets import Asset


def make(folder: Path, name: str, asset: Asset) -> bool:
    """Write the stand-in of an asset into a folder; returns whether it needs one: what is on this machine does not.

    Raises:
        UserError: an asset whose layout is not known, or lacks a file.
    """
    if asset.stand_in is None:
        if all(source.kind in ("local", "stdlib") for source in asset.sources):
            return False
        raise UserError(f"assets.{name}: expected stand_in, which says what its files look like, found none")
    folder.mkdir(parents=True)
    if asset.stand_in.config or asset.stand_in.tokenizer:
        models.write(folder, name, list(asset.files), asset.stand_in)
    for file in asset.files:
        layout = files.layout(asset.stand_in.files, file)
        if layout is not None:
            files.write(folder / file, file, layout)
        if not (folder / file).is_file():
            raise UserError(f"assets.{name}.stand_in: expected the layout of {file} among its files, found none")
    for path in folder.iterdir():
        if path.name not in asset.files:  # what a library wrote beside them, which nobody publishes
            path.unlink()
    return True
