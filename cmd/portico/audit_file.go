package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/portico-dev/portico/audit"
)

// exportFlags name an export of the audit log, and the hash that it continues.
type exportFlags struct {
	file     string
	previous hash
}

func (e *exportFlags) add(command *cobra.Command) {
	command.Flags().StringVar(&e.file, "file", "", "verify this export instead of the database")
	command.Flags().Var(&e.previous, "previous", "the hash that the export of --file continues; without it, the export begins the log")
	for _, other := range []string{"since", "until", "day", "config", "log-level", "log-format"} {
		command.MarkFlagsMutuallyExclusive("file", other)
	}
}

// hash is the value of a flag: a hash that verify printed, nil when there is none.
type hash []byte

// Set implements pflag.Value.
func (h *hash) Set(text string) error {
	parsed, err := hex.DecodeString(text)
	if err != nil || len(parsed) != sha256.Size {
		return errors.New("write the 64 hexadecimal digits that verify printed")
	}
	*h = parsed
	return nil
}

// String implements pflag.Value.
func (h *hash) String() string { return hex.EncodeToString(*h) }

// Type implements pflag.Value.
func (*hash) Type() string { return "hash" }

// verify verifies the export. Its last hash must be head, unless that is nil.
func (e *exportFlags) verify(out io.Writer, head hash) error {
	file, err := os.Open(e.file)
	if err != nil {
		return err
	}
	defer file.Close()
	report, err := audit.VerifyExport(file, e.previous)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "Checked %d events, which end with the hash %s.\n", report.Events, report.Head)
	switch {
	case report.Broken == 1:
		fmt.Fprintln(out, "Line 1 was changed, or does not continue the hash of --previous.")
	case report.Broken > 1:
		fmt.Fprintf(out, "Line %d was changed, or a line before it is missing.\n", report.Broken)
	case head != nil && head.String() != report.Head:
		fmt.Fprintf(out, "The export does not end with the hash %s.\n", &head)
	default:
		return nil
	}
	return &exitError{1}
}
