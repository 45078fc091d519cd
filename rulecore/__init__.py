"""The contract of both planes: images, hashing, and the evaluator that reads them."""
