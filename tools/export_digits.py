"""Export scikit-learn's handwritten digits into resources/data/digits.npz; run once, by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

TARGET = Path(__file__).resolve().parent.parent / "resources" / "data" / "digits.npz"


def main() -> None:
    """Write images uint8 (1797, 8, 8), 0..16 scaled to 0..255, and labels uint8 (1797,)."""
    digits = load_digits()
    images = np.round(digits.images * (255 / 16)).astype(np.uint8)
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(TARGET, images=images, labels=digits.target.astype(np.uint8))
    print(f"{TARGET}: {len(images)} images, {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
