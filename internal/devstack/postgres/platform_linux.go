package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// platformSettings are the settings that only this operating system knows.
var platformSettings = map[string]string{
	// Before a crash recovery, sync file systems instead of files.
	"recovery_init_sync_method": "syncfs",
}

// tieLifetime makes the kernel shut the server down (fast, but clean) when the thread that started it ends,
// which includes a SIGKILL of this process.
func tieLifetime(attributes *syscall.SysProcAttr) { attributes.Pdeathsig = syscall.SIGINT }

// clearOrphan removes the leftovers of a killed process. It shuts down a server that still runs on this
// cluster. It deletes a postmaster.pid or socket lock whose number now belongs to another process, because
// PostgreSQL would mistake that for a running server.
func (c *cluster) clearOrphan(ctx context.Context) error {
	pidFile := c.path(clusterName, "postmaster.pid")
	content, err := os.ReadFile(pidFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	line, _, _ := strings.Cut(string(content), "\n")
	pid, err := strconv.Atoi(line)
	if err != nil || !c.worksIn(pid) {
		return errors.Join(os.Remove(pidFile), c.removeSockets())
	}

	if err := syscall.Kill(pid, syscall.SIGINT); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("stop the orphaned server %d: %w", pid, err)
	}
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for c.worksIn(pid) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("the orphaned server %d does not stop: %w", pid, ctx.Err())
		case <-tick.C:
		}
	}
	return nil
}

func (c *cluster) removeSockets() error {
	sockets, err := fs.Glob(os.DirFS(c.directory), ".s.PGSQL.*")
	for _, socket := range sockets {
		err = errors.Join(err, os.Remove(c.path(socket)))
	}
	return err
}

// worksIn reports whether the process's working directory is this cluster, as for every process of a server.
func (c *cluster) worksIn(pid int) bool {
	working, err := os.Stat(filepath.Join("/proc", strconv.Itoa(pid), "cwd"))
	if err != nil {
		return false
	}
	directory, err := os.Stat(c.path(clusterName))
	return err == nil && os.SameFile(working, directory)
}
