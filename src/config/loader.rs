//! Finds the files of a configuration and reads them.
