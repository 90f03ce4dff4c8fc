"""The web page: `painting` and `animation` make pictures, `layout` and `markup` show them, `application` serves it."""
