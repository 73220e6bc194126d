"""Speed, as ratios against floors that read and write the same rows in the same run."""
