package mkdocs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	// nobody is the user that the program is outside when Portico runs as root, whose processes have no limit on their number.
	nobody = 65534
	// addressSpace is how much more a process may reserve than all may use.
	addressSpace = 2
)

// confinable says whether this system can confine programs at all.
const confinable = true

// confine makes the new process one without any access: to other processes, to the network (unless it may use it), to other mounts.
func confine(command *exec.Cmd, network bool) (user int) {
	flags := unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS
	if !network {
		flags |= unix.CLONE_NEWNET
	}
	attributes := &syscall.SysProcAttr{Cloneflags: uintptr(flags), Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if os.Geteuid() == 0 {
		attributes.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}, {ContainerID: insideUser, HostID: nobody, Size: 1}}
		attributes.GidMappings = attributes.UidMappings
		attributes.GidMappingsEnableSetgroups = true
		command.SysProcAttr = attributes
		return nobody
	}
	attributes.UidMappings = []syscall.SysProcIDMap{{ContainerID: insideUser, HostID: os.Geteuid(), Size: 1}}
	attributes.GidMappings = []syscall.SysProcIDMap{{ContainerID: insideUser, HostID: os.Getegid(), Size: 1}}
	// What Confine needs in the new namespaces, and then gives up.
	attributes.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_SYS_CHROOT, unix.CAP_SETPCAP}
	command.SysProcAttr = attributes
	return -1
}

// unconfined only puts the program into a group of processes that can be ended together.
func unconfined(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

// become implements Confine.
func (c *cell) become() error {
	runtime.LockOSThread() // some of the settings below are those of a thread, and it becomes the program
	if c.Confined {
		if err := c.enter(); err != nil {
			return err
		}
		if err := c.dropPrivileges(); err != nil {
			return err
		}
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("forbid new privileges: %w", err)
	}
	// A change of the user has reset it.
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("tie the program to Portico: %w", err)
	}
	if err := os.Chdir(c.Folder); err != nil {
		return fmt.Errorf("enter the source: %w", err)
	}
	if err := c.limit(); err != nil {
		return err
	}
	err := unix.Exec(c.Command[0], c.Command, c.Environment)
	return fmt.Errorf("start %s: %w", c.Command[0], err)
}

// enter builds the file system of the program, and makes it the only one that there is.
func (c *cell) enter() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("separate the mounts: %w", err)
	}
	if err := unix.Mount("tmpfs", c.Root, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "size=4m,nr_inodes=4096,mode=755"); err != nil {
		return fmt.Errorf("mount a root: %w", err)
	}
	for _, path := range c.Visible {
		if err := c.show(path, path, true); err != nil {
			return err
		}
	}
	for _, device := range []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"} {
		if err := c.show(device, device, false); err != nil {
			return err
		}
	}
	if err := c.show(c.Source, insideSource, true); err != nil {
		return err
	}
	for inside, outside := range map[string]string{insideOutput: c.Output, insideTemporary: c.Temporary, insideHome: c.Home} {
		if err := c.show(outside, inside, false); err != nil {
			return err
		}
	}
	// Programs that do not read TMPDIR use /tmp.
	if err := os.Symlink(insideTemporary, filepath.Join(c.Root, "tmp")); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make /tmp: %w", err)
	}
	return c.pivot()
}

// show mounts a path of the system in the file system of the program. A symbolic link is made again.
func (c *cell) show(outside, inside string, readOnly bool) error {
	info, err := os.Lstat(outside)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // systems differ in what they have
	} else if err != nil {
		return fmt.Errorf("look at %s: %w", outside, err)
	}
	at := filepath.Join(c.Root, inside)
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		return fmt.Errorf("make the folder of %s: %w", inside, err)
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		target, err := os.Readlink(outside)
		if err != nil {
			return err
		}
		return os.Symlink(target, at)
	}
	if info.IsDir() {
		err = os.MkdirAll(at, 0o755)
	} else {
		err = os.WriteFile(at, nil, 0o600)
	}
	if err != nil {
		return fmt.Errorf("make %s: %w", inside, err)
	}
	if err := unix.Mount(outside, at, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("mount %s: %w", outside, err)
	}
	return restrict(at, readOnly, info.Mode()&fs.ModeDevice == 0)
}

// restrict takes rights from a mount and those below it.
func restrict(at string, readOnly, noDevices bool) error {
	attributes := &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NOSUID}
	if readOnly {
		attributes.Attr_set |= unix.MOUNT_ATTR_RDONLY
	}
	if noDevices {
		attributes.Attr_set |= unix.MOUNT_ATTR_NODEV
	}
	if err := unix.MountSetattr(unix.AT_FDCWD, at, unix.AT_RECURSIVE, attributes); err != nil {
		return fmt.Errorf("restrict the mount of %s: %w", at, err)
	}
	return nil
}

// pivot makes the new root the only one.
func (c *cell) pivot() error {
	if err := os.Chdir(c.Root); err != nil {
		return fmt.Errorf("enter the root: %w", err)
	}
	// With both names the same, the old root is mounted over the new one, and removed from there.
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("change the root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("leave the old root: %w", err)
	}
	if err := os.Chdir("/"); err != nil {
		return fmt.Errorf("enter the root: %w", err)
	}
	if err := unix.MountSetattr(unix.AT_FDCWD, "/", 0, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}); err != nil {
		return fmt.Errorf("protect the root: %w", err)
	}
	return nil
}

// dropPrivileges gives up the privileges in the namespaces, for the program and whatever it starts.
func (c *cell) dropPrivileges() error {
	for capability := range uintptr(64) {
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, capability, 0, 0, 0); errors.Is(err, unix.EINVAL) {
			break // the kernel knows no more
		} else if err != nil {
			return fmt.Errorf("drop privileges: %w", err)
		}
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("drop privileges: %w", err)
	}
	if c.User < 0 {
		return nil
	}
	if err := errors.Join(syscall.Setgroups(nil), syscall.Setgid(c.User), syscall.Setuid(c.User)); err != nil {
		return fmt.Errorf("change the user: %w", err)
	}
	return nil
}

// limit sets what the kernel can limit of each process. The sums over all are watched from outside.
func (c *cell) limit() error {
	limits := map[int]uint64{
		unix.RLIMIT_AS:     uint64(c.Limits.Memory) * addressSpace,
		unix.RLIMIT_FSIZE:  uint64(c.Limits.Output) + 1, // whoever watches sees that the limit is exceeded
		unix.RLIMIT_CPU:    uint64(c.Limits.Time.Seconds())*2 + 1,
		unix.RLIMIT_NOFILE: 4096,
		unix.RLIMIT_CORE:   0,
	}
	if c.Confined {
		// Elsewhere it would count all processes of the user.
		limits[unix.RLIMIT_NPROC] = uint64(c.Limits.Processes)
	}
	for resource, value := range limits {
		var now unix.Rlimit
		if err := unix.Getrlimit(resource, &now); err != nil {
			return fmt.Errorf("read a limit: %w", err)
		}
		if now.Max < value {
			value = now.Max
		}
		if err := unix.Setrlimit(resource, &unix.Rlimit{Cur: value, Max: value}); err != nil {
			return fmt.Errorf("set a limit: %w", err)
		}
	}
	return nil
}

// kill ends the program and what it started: the first process of a namespace takes all others with it.
func kill(process *os.Process) error {
	return errors.Join(unix.Kill(-process.Pid, unix.SIGKILL), process.Kill())
}
