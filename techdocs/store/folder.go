package store

import (
	"errors"
	"io/fs"
	"syscall"
)

// errNoFile is the error of what is neither a file nor a directory. It counts as missing.
var errNoFile = &fs.PathError{Op: "open", Path: "a file of a site", Err: fs.ErrNotExist}

// outside makes missing files of links that lead out of the folder, and of paths that no file can have: what they would show is none
// of the site's.
func outside(err error) error {
	at, is := errors.AsType[*fs.PathError](err)
	if !is {
		return err
	}
	const escapes = "path escapes from parent" // os has no variable for it
	if errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ENAMETOOLONG) || errors.Is(err, syscall.ELOOP) || at.Err.Error() == escapes {
		return errors.Join(fs.ErrNotExist, err)
	}
	return err
}
