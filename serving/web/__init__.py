"""The web page.

`estimating` makes maps of photos, `painting` and `animation` make pictures, `whom` and `markup` show them, `clicks` is
what each click does, `layout` puts it on the page, `application` serves it.
"""
