#!/usr/bin/env node
/** Process entry: hands the arguments to cli/. */
