"""Search methods compared: runs put beside each other, with statistics, in words, pictures and one page."""
