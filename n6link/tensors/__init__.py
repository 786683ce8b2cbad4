"""Tensors and what they mean: quantisation, pictures, cards, inputs, reductions."""
