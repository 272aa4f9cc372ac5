"""The page on which models are found, judged and chosen for download."""
