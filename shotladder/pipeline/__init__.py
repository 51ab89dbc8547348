"""The encode pipeline, which joins the libraries."""
