//go:build !linux

package postgres

import (
	"context"
	"syscall"
)

var platformSettings map[string]string

// tieLifetime does nothing: a server whose parent was killed continues, and the next start reports its
// postmaster.pid.
func tieLifetime(*syscall.SysProcAttr) {}

// clearOrphan leaves an old postmaster.pid to PostgreSQL.
func (c *cluster) clearOrphan(context.Context) error { return nil }
