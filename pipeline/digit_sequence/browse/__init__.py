"""A local explorer: samples to page through, questions in SQL, sliders that draw one anew."""
