"""The web page: `painting` and `turning` make pictures, `layout` and `showing` show them, `application` serves them."""
