package main

import (
	"encoding/hex"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/portico-dev/portico/audit"
)

// exportFlags name an export of the audit log, and the hash that it continues.
type exportFlags struct{ file, previous string }

func (e *exportFlags) add(command *cobra.Command) {
	command.Flags().StringVar(&e.file, "file", "", "verify this export instead of the database")
	command.Flags().StringVar(&e.previous, "previous", "", "the hash that the export continues; without it, the export begins the log")
	for _, other := range []string{"since", "until", "day", "config"} {
		command.MarkFlagsMutuallyExclusive("file", other)
	}
}

// verify verifies the export. Its last hash must be head, unless that is "".
func (e *exportFlags) verify(out io.Writer, head string) error {
	var previous []byte
	if e.previous != "" {
		var err error
		if previous, err = hex.DecodeString(e.previous); err != nil {
			return fmt.Errorf("--previous %q: write the hash that verify printed", e.previous)
		}
	}
	file, err := os.Open(e.file)
	if err != nil {
		return err
	}
	defer file.Close()
	report, err := audit.VerifyExport(file, previous)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "Checked %d events, which end with the hash %s.\n", report.Events, report.Head)
	switch {
	case report.Broken == 1:
		fmt.Fprintln(out, "Line 1 was changed, or does not continue the hash of --previous.")
	case report.Broken > 1:
		fmt.Fprintf(out, "Line %d was changed, or a line before it is missing.\n", report.Broken)
	case head != "" && head != report.Head:
		fmt.Fprintf(out, "The export does not end with the hash %s.\n", head)
	default:
		return nil
	}
	return &exitError{1}
}
