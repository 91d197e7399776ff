package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portico-dev/portico/identity/exchange"
)

const (
	// identityVariable has a job's identity token, unless a flag names another place.
	identityVariable = "PORTICO_IDENTITY"
	// githubAddress and githubCredential are set in jobs of GitHub Actions that may ask for identity tokens.
	githubAddress    = "ACTIONS_ID_TOKEN_REQUEST_URL"
	githubCredential = "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
)

// tokenCommand reads variables from environment.
func tokenCommand(environment func(string) string) *cobra.Command {
	command := &cobra.Command{
		Use: "token", Short: "Get a token for a CI job", Args: cobra.NoArgs,
		Example: "  portico token exchange --url https://portico.example.com",
		RunE:    func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	command.AddCommand(tokenExchangeCommand(environment))
	return command
}

func tokenExchangeCommand(environment func(string) string) *cobra.Command {
	var address string
	var output format
	job := jobIdentity{environment: environment}
	command := &cobra.Command{
		Use:   "exchange",
		Short: "Exchange the identity token of a CI job for a token of Portico",
		Long: `Reads the identity token that the CI system signed for the job, exchanges it at a running server by the rules of
portico.tokenExchange, and prints the token of Portico. With --output json it prints the answer of the server, which says for how
many seconds the token is valid.

The identity token is that of --token-file or --token-env, or else of the variable PORTICO_IDENTITY. In a job of GitHub Actions
with the permission "id-token: write", the command asks GitHub for one.`,
		Example: `  portico token exchange --url https://portico.example.com
  portico token exchange --token-env DEPLOY_IDENTITY
  portico token exchange --token-file - --output json < identity.jwt`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			client, err := clientAt("--url", address, "")
			if err != nil {
				return err
			}
			job.stdin = command.InOrStdin()
			answer, err := client.exchange(command.Context(), job)
			if err != nil {
				return err
			}
			var issued struct {
				Token string `json:"access_token"`
			}
			if json.Unmarshal(answer, &issued) != nil || issued.Token == "" {
				return errors.New("the answer of the server has no token; is this a server of Portico?")
			}
			out := command.OutOrStdout()
			return output.print(out, answer, func() { fmt.Fprintln(out, issued.Token) })
		},
	}
	flags := command.Flags()
	flags.StringVar(&address, "url", cmp.Or(os.Getenv("PORTICO_URL"), defaultURL), "where Portico serves ($PORTICO_URL)")
	flags.StringVar(&job.file, "token-file", "", "read the identity token from this file, - is standard input")
	flags.StringVar(&job.variable, "token-env", "", "read the identity token from this environment variable (default "+identityVariable+")")
	flags.StringVar(&job.audience, "audience", "", "the audience to ask GitHub for: the server's portico.tokenExchange.audience (default --url)")
	output.addFlag(flags)
	command.MarkFlagsMutuallyExclusive("token-file", "token-env")
	return command
}

// exchange returns the server's answer for the identity token of a job. No error has a token in it.
func (c *apiClient) exchange(ctx context.Context, job jobIdentity) (json.RawMessage, error) {
	// A redirect would take the token to another server.
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	job.audience, job.http = cmp.Or(job.audience, c.base), c.http
	token, err := job.token(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	form := url.Values{"grant_type": {exchange.GrantType}, "subject_token_type": {exchange.TypeJWT}, "subject_token": {token}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+"/api/auth/v1/token", strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := c.deliver(request)
	if err != nil {
		return nil, err
	}
	answer, err := readSmall(response)
	if err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w", c.base, err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("exchange the token at %s: %s", c.base, without(token, oauthRefusal(response, answer)))
	}
	return answer, nil
}

// oauthRefusal is what an error in OAuth's form says, or another error response.
func oauthRefusal(response *http.Response, answer []byte) string {
	var refused struct {
		Description string `json:"error_description"`
	}
	if json.Unmarshal(answer, &refused) == nil && refused.Description != "" {
		return refused.Description
	}
	return refusal(response, answer).message
}

// without replaces a secret in a text that another program wrote.
func without(secret, text string) string { return strings.ReplaceAll(text, secret, "(the token)") }

// maxTokenAnswer bounds an answer with a token in bytes.
const maxTokenAnswer = 1 << 20

func readSmall(response *http.Response) ([]byte, error) {
	defer response.Body.Close()
	return io.ReadAll(io.LimitReader(response.Body, maxTokenAnswer))
}

// jobIdentity is where a job has its identity token from.
type jobIdentity struct {
	file, variable string
	// audience is the one that GitHub is asked for.
	audience    string
	environment func(string) string
	stdin       io.Reader
	http        *http.Client
}

func (j jobIdentity) token(ctx context.Context) (string, error) {
	switch {
	case j.file != "":
		content, err := readInput(j.file, j.stdin)
		if err != nil {
			return "", fmt.Errorf("--token-file: %w", err)
		}
		if token := strings.TrimSpace(string(content)); token != "" {
			return token, nil
		}
		return "", fmt.Errorf("--token-file %s: it is empty", j.file)
	case j.variable != "":
		if token := strings.TrimSpace(j.environment(j.variable)); token != "" {
			return token, nil
		}
		return "", fmt.Errorf("--token-env %s: the variable is not set", j.variable)
	}
	if token := strings.TrimSpace(j.environment(identityVariable)); token != "" {
		return token, nil
	}
	if j.environment(githubAddress) != "" {
		return j.fromGitHub(ctx)
	}
	return "", errors.New("there is no identity token. In GitHub Actions, the job needs `permissions: { id-token: write }`. In GitLab, it needs the entry " +
		identityVariable + " in id_tokens. Elsewhere, name it with --token-env or --token-file")
}

// fromGitHub asks GitHub Actions for a token of this job.
func (j jobIdentity) fromGitHub(ctx context.Context) (string, error) {
	address, err := url.Parse(j.environment(githubAddress))
	if err != nil {
		return "", fmt.Errorf("%s is no URL", githubAddress)
	}
	query := address.Query()
	query.Set("audience", j.audience)
	address.RawQuery = query.Encode()
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return "", fmt.Errorf("%s is no URL", githubAddress)
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Authorization", "Bearer "+j.environment(githubCredential))
	response, err := j.http.Do(request)
	if err != nil {
		if failed, is := errors.AsType[*url.Error](err); is {
			err = failed.Err
		}
		return "", fmt.Errorf("ask GitHub for an identity token: %w", err)
	}
	answer, err := readSmall(response)
	if err != nil {
		return "", fmt.Errorf("ask GitHub for an identity token: %w", err)
	}
	var given struct {
		Value string `json:"value"`
	}
	if response.StatusCode != http.StatusOK || json.Unmarshal(answer, &given) != nil || given.Value == "" {
		return "", fmt.Errorf("ask GitHub for an identity token: it answered %s. The job needs `permissions: { id-token: write }`", response.Status)
	}
	return given.Value, nil
}
