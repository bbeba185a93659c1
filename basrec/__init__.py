"""Sequential recommenders, BASRec augmentation, two-stage training and full-ranking evaluation."""
