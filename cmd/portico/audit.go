package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/db"
)

func auditCommand() *cobra.Command {
	command := &cobra.Command{
		Use: "audit", Short: "Verify and export the audit log", Args: cobra.NoArgs, Example: "  portico audit verify --config app-config.yaml",
		RunE: func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	command.AddCommand(auditVerifyCommand(), auditExportCommand())
	return command
}

func auditVerifyCommand() *cobra.Command {
	var s settings
	var days dayFlags
	var head hash
	var exported exportFlags
	command := &cobra.Command{
		Use:   "verify",
		Short: "Check that nobody changed the audit log",
		Long: `Computes the hash chain of the audit log again, in portico.database.url. It prints the first place where the chain is
broken, and ends with status 1; otherwise it prints the hash at the chain's end. Keep that hash elsewhere: only with it can a later
` + "`verify --head`" + ` find that the end of the log was removed, or that all of it was written anew.

With --file, it verifies an export or the messages of the webhook, without a database.`,
		Example: `  portico audit verify --config app-config.yaml
  portico audit verify --config app-config.yaml --day 2026-01-31
  portico audit verify --config app-config.yaml --head 9f86d081884c7d65...
  portico audit verify --file audit.jsonl`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if command.Flags().Changed("file") {
				return exported.verify(command.OutOrStdout(), head)
			}
			if exported.previous != nil {
				return errors.New("--previous is for --file only: in the database, the log continues what its first seal says")
			}
			span, err := days.span()
			if err != nil {
				return err
			}
			return s.withAuditLog(command, func(log *audit.Log) error {
				report, err := log.Verify(command.Context(), audit.Check{Span: span, Head: head})
				if err != nil {
					return err
				}
				printReport(command.OutOrStdout(), report, head)
				if !report.IsWhole() {
					return &exitError{1}
				}
				return nil
			})
		},
	}
	s.addFlags(command)
	days.add(command)
	command.Flags().Var(&head, "head", "a hash that verify printed before, which the chain must still contain")
	exported.add(command)
	return command
}

func printReport(out io.Writer, report audit.Report, head hash) {
	if report.Break != nil {
		fmt.Fprintf(out, "The audit log was changed: %s.\n", report.Break)
	}
	if report.LacksHead {
		fmt.Fprintf(out, "The seals that were checked do not contain the hash %s. It is of a time that was not asked for or whose events were deleted "+
			"by the retention, or the audit log was changed.\n", &head)
	}
	if report.Seals == 0 {
		fmt.Fprintln(out, "No event is sealed in that time.")
		return
	}
	fmt.Fprintf(out, "Checked %d events in %d seals, from %s to %s.\n", report.Events, report.Seals,
		report.From.UTC().Format(time.RFC3339), report.To.UTC().Format(time.RFC3339))
	if report.FirstSeal > 1 {
		fmt.Fprintf(out, "The first is seal %d, which continues the hash %s. The %d before it were deleted by the retention, or were not asked for.\n",
			report.FirstSeal, report.Previous, report.FirstSeal-1)
	}
	fmt.Fprintf(out, "The chain ends with the hash %s.\n", report.Head)
}

func auditExportCommand() *cobra.Command {
	var s settings
	var days dayFlags
	command := &cobra.Command{
		Use:   "export",
		Short: "Print the audit log as JSON lines",
		Long: `Prints the events of the audit log in portico.database.url, in the order of its hash chain, one JSON object a line with the
hash of each event. Events of the last seconds, which are not sealed yet, are left out.`,
		Example: `  portico audit export --config app-config.yaml > audit.jsonl
  portico audit export --config app-config.yaml --day 2026-01-31 > 2026-01-31.jsonl
  portico audit export --config app-config.yaml --since 2026-01-31 | jq 'select(.outcome == "denied")'`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			span, err := days.span()
			if err != nil {
				return err
			}
			return s.withAuditLog(command, func(log *audit.Log) error {
				out := bufio.NewWriter(command.OutOrStdout())
				return errors.Join(log.Export(command.Context(), span, out), out.Flush())
			})
		},
	}
	s.addFlags(command)
	days.add(command)
	return command
}

// dayFlags select a part of the audit log.
type dayFlags struct{ since, until, day string }

func (d *dayFlags) add(command *cobra.Command) {
	command.Flags().StringVar(&d.since, "since", "", "only what was sealed since this day (2026-01-31) or time (2026-01-31T12:00:00Z)")
	command.Flags().StringVar(&d.until, "until", "", "only what was sealed before this day or time")
	command.Flags().StringVar(&d.day, "day", "", "only what was sealed on this day, in UTC")
	command.MarkFlagsMutuallyExclusive("day", "since")
	command.MarkFlagsMutuallyExclusive("day", "until")
}

func (d *dayFlags) span() (audit.Span, error) {
	if d.day != "" {
		begins, err := time.Parse(time.DateOnly, d.day)
		if err != nil {
			return audit.Span{}, fmt.Errorf("--day %q: write a day like 2026-01-31", d.day)
		}
		return audit.Day(begins), nil
	}
	since, err := parseTime("since", d.since)
	if err != nil {
		return audit.Span{}, err
	}
	until, err := parseTime("until", d.until)
	return audit.Span{Since: since, Until: until}, err
}

// parseTime is the beginning of a day in UTC, or a time in RFC 3339. "" is the zero time.
func parseTime(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("--%s %q: write a day like 2026-01-31, or a time like 2026-01-31T12:00:00Z", flag, text)
}

// withAuditLog opens the configured database for do.
func (s *settings) withAuditLog(command *cobra.Command, do func(*audit.Log) error) error {
	loaded, logger, err := s.load(command.Context())
	if err != nil {
		return err
	}
	if loaded.Portico.Database.URL == "" {
		return errors.New(databaseURL + " must be configured: the audit log is there")
	}
	pool, err := db.Open(command.Context(), string(loaded.Portico.Database.URL))
	if err != nil {
		return blame(databaseURL, err)
	}
	defer pool.Close()
	if err := db.CheckSchema(command.Context(), pool); err != nil {
		return err
	}
	return do(audit.NewLog(pool, logger))
}
