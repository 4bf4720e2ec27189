return { field = "kept" }
