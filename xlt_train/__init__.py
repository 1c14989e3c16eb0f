"""XLT, training half: fine-tuning on precomputed augmentations. It shares files with `xlt_augment`, never imports."""
