"""Tensors and their meaning: quantisation, pictures, cards, inputs, reductions."""
