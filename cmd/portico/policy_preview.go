package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portico-dev/portico/internal/terminal"
	"github.com/portico-dev/portico/policy/preview"
	"github.com/portico-dev/portico/policy/rbac"
)

// changedStatus is the exit status of --exit-code for files that change permissions.
const changedStatus = 2

// maxRolesFile bounds the files that are sent: more than the server reads.
const maxRolesFile = 9 << 20

func policyPreviewCommand() *cobra.Command {
	var c connection
	var files previewedFiles
	var limit int
	var exitCode bool
	command := &cobra.Command{
		Use:   "preview",
		Short: "Say who gains and who loses what by changed files of roles",
		Long: `Asks a running server what it would mean if its files of roles had these contents: who gains and who loses which
permissions, for the users, groups and entities of its catalog. A file that is not named stays as the server has it. Nothing
is changed. It needs policy.entity.read on all roles; entities that the caller may not read are not counted.

Ends with status 0, or with --exit-code with status 2 if somebody gains or loses something, or if not everything could be
compared. The status is 1 if the server would refuse the files, and for every other error.`,
		Example: `  portico policy preview --policies policy.csv --conditions conditional-policies.yaml
  portico policy preview --policies policy.csv --exit-code --output json`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			request, err := files.request()
			if err != nil {
				return err
			}
			client, err := c.client()
			if err != nil {
				return err
			}
			var found preview.Preview
			answer, err := client.ask(command.Context(), http.MethodPost, "/api/portico/v1/policy/preview?limit="+strconv.Itoa(limit), request, &found)
			if err != nil {
				return files.named(err)
			}
			files.inProblems(found.Problems)
			out := command.OutOrStdout()
			err = c.output.print(out, answer, func() { fmt.Fprint(out, terminal.Visible(found.Text())) })
			if err == nil && exitCode && found.Changes() {
				return &exitError{changedStatus}
			}
			return err
		},
	}
	c.addFlags(command)
	flags := command.Flags()
	flags.StringVar(&files.policies, "policies", "", "the CSV file with policies and members of roles")
	flags.StringVar(&files.conditions, "conditions", "", "the YAML file with conditions of roles")
	flags.IntVar(&limit, "limit", 20, "how many people to list, at most 100")
	flags.BoolVar(&exitCode, "exit-code", false, "end with status 2 if somebody gains or loses something")
	return command
}

// previewedFiles are the names of files, "" for one that stays.
type previewedFiles struct{ policies, conditions string }

func (f previewedFiles) request() (preview.Request, error) {
	if f.policies == "" && f.conditions == "" {
		return preview.Request{}, errors.New("name the changed files with --policies and --conditions")
	}
	var texts rbac.FileTexts
	for name, text := range map[string]**string{f.policies: &texts.Policies, f.conditions: &texts.Conditions} {
		if name == "" {
			continue
		}
		content, err := readFile(name)
		if err != nil {
			return preview.Request{}, err
		}
		*text = &content
	}
	return preview.Request{Files: &texts}, nil
}

func readFile(name string) (string, error) {
	file, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxRolesFile+1))
	if err == nil && len(content) > maxRolesFile {
		err = fmt.Errorf("%s is larger than %d bytes", name, maxRolesFile)
	}
	return string(content), err
}

// named gives the problems in a refusal the names of the files. The server calls them policies and conditions.
func (f previewedFiles) named(err error) error {
	refused, is := errors.AsType[*apiError](err)
	if !is {
		return err
	}
	names := strings.NewReplacer("\npolicies:", "\n"+cmp.Or(f.policies, "policies")+":", "\nconditions:", "\n"+cmp.Or(f.conditions, "conditions")+":")
	return &apiError{status: refused.status, message: names.Replace(refused.message)}
}

// inProblems is named for problems that do not have the files refused.
func (f previewedFiles) inProblems(problems []rbac.Problem) {
	names := map[string]string{"policies": f.policies, "conditions": f.conditions}
	for i, problem := range problems {
		problems[i].File = cmp.Or(names[problem.File], problem.File)
	}
}
