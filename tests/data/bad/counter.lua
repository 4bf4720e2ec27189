return { total = 0 }
