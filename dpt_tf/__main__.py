"""`python -m dpt_tf VERB` is `dpt VERB`."""

from dpt_tf.commands.main import main

main()
