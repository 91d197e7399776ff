//go:build !linux

package mkdocs

import (
	"errors"
	"os"
	"os/exec"
)

const confinable = false

func confine(*exec.Cmd, bool) int { return -1 }

func unconfined(*exec.Cmd) {}

func (c *cell) become() error { return errors.New("programs can be confined on Linux only") }

func kill(process *os.Process) error { return process.Kill() }
