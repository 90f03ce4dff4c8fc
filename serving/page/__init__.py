"""The web page: `painting` and `turning` make the pictures, `poses` and `people` are ready, `layout` shows it all."""
