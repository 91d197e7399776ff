package postgres

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is the user that runs the server. PostgreSQL refuses to run as root, so root uses an unprivileged
// user. The zero value is the current user.
type account struct {
	credential *syscall.Credential
}

// serverAccount chooses the account for a data directory: its owner if that is an ordinary user, else
// postgres, else nobody.
func serverAccount(dataDirectory string) (account, error) {
	if os.Geteuid() != 0 {
		return account{}, nil
	}
	if info, err := os.Stat(dataDirectory); err == nil {
		if owner, ok := info.Sys().(*syscall.Stat_t); ok && owner.Uid != 0 {
			return account{&syscall.Credential{Uid: owner.Uid, Gid: owner.Gid}}, nil
		}
	}
	for _, name := range []string{"postgres", "nobody"} {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(found.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(found.Gid, 10, 32)
		if err := errors.Join(uidErr, gidErr); err != nil {
			return account{}, fmt.Errorf("user %s: %w", name, err)
		}
		return account{&syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
	}
	return account{}, errors.New("PostgreSQL does not run as root, and there is no user postgres or nobody to run it as")
}

// own changes the owner of a file or directory to the account.
func (a account) own(name string) error {
	if a.credential == nil {
		return nil
	}
	return os.Chown(name, int(a.credential.Uid), int(a.credential.Gid))
}

// canReach reports whether the account may traverse every directory above name. It looks at the permissions
// of others only, so it may wrongly return false but not true.
func (a account) canReach(name string) bool {
	if a.credential == nil {
		return true
	}
	for directory := filepath.Dir(name); ; directory = filepath.Dir(directory) {
		info, err := os.Stat(directory)
		if err != nil || info.Mode().Perm()&0o001 == 0 {
			return false
		}
		if directory == filepath.Dir(directory) {
			return true
		}
	}
}
