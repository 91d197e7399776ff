// Package aws holds the actions of Roadie's plugin for AWS: roadiehq:aws:s3:cp, roadiehq:aws:ecr:create and
// roadiehq:aws:secrets-manager:create. They act with the credentials of the configuration, by AWS's own client; what a
// template may name of an account, a profile or a server is in Options.
package aws

import (
	"cmp"
	"context"
	_ "embed" // for the schemas
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/scaffolder/action"
)

var (
	//go:embed schema/s3-cp.input.json
	copyInput json.RawMessage
	//go:embed schema/ecr-create.input.json
	repositoryInput json.RawMessage
	//go:embed schema/ecr-create.output.json
	repositoryOutput json.RawMessage
	//go:embed schema/secret-create.input.json
	secretInput json.RawMessage
	//go:embed schema/secret-create.output.json
	secretOutput json.RawMessage
)

// requestTimeout bounds what is asked of AWS at once, with the attempts of its client.
const requestTimeout = time.Minute

// Account is who acts at AWS. The zero value acts with what the worker's environment has: variables, files, or the role
// of its machine.
type Account struct {
	AccessKeyID, SecretAccessKey string
	// Profile is one of the worker's AWS files.
	Profile string
}

// Store is a server besides AWS that speaks the protocol of S3.
type Store struct {
	// Endpoint is its address.
	Endpoint string
	Account  Account
	// ForcePathStyle names buckets in the path of the address, instead of its host.
	ForcePathStyle bool
}

// Options are the settings of the actions.
type Options struct {
	// Account is nil when nobody has configured AWS: the actions act on Stores only then.
	Account *Account
	// Profiles are the further profiles that a template may name.
	Profiles []string
	Stores   []Store
	// Endpoint is where a stand-in for AWS answers, "" for AWS itself.
	Endpoint  string
	Transport http.RoundTripper
}

// Actions are the actions of this package.
func Actions(options Options) []action.Action {
	return []action.Action{copyFiles{options}, createRepository{options}, createSecret{options}}
}

const (
	needsAccount = "`aws.mainAccount` in the configuration; `{}` stands for the credentials of the worker's environment."
	adviseRights = "Give Portico's account at AWS this right, then retry."
)

// regions are names of AWS's regions. One becomes a part of a host's name.
var regions = regexp.MustCompile(`^[a-z]{2,}(-[a-z0-9]+)+$`)

// connect is the configuration of AWS's client for a region, as the account or as one of its profiles.
func (o Options) connect(ctx context.Context, region, profile string) (aws.Config, error) {
	if o.Account == nil {
		return aws.Config{}, action.Advise(action.InputError("AWS is not configured"),
			"Ask an operator to set aws.mainAccount in the configuration; {} stands for the credentials of the worker's environment.")
	}
	account := *o.Account
	if profile != "" && profile != account.Profile {
		if !slices.Contains(o.Profiles, profile) {
			return aws.Config{}, action.Advise(action.InputError("the profile '%s' of AWS is not one that templates may name", profile),
				"Leave profile out, or ask an operator to add it to aws.accounts.")
		}
		account = Account{Profile: profile}
	}
	return o.configure(ctx, region, account, o.Endpoint)
}

// configure makes a configuration for an account; with an endpoint, of the server there.
func (o Options) configure(ctx context.Context, region string, account Account, endpoint string) (aws.Config, error) {
	if !regions.MatchString(region) {
		return aws.Config{}, action.InputError("'%s' is no region of AWS: they are written as in eu-west-1", region)
	}
	settings := []func(*config.LoadOptions) error{config.WithRegion(region)}
	switch {
	case account.AccessKeyID != "":
		settings = append(settings, config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(account.AccessKeyID, account.SecretAccessKey, "")))
	case account.Profile != "":
		settings = append(settings, config.WithSharedConfigProfile(account.Profile))
	}
	if endpoint != "" {
		settings = append(settings, config.WithBaseEndpoint(endpoint), config.WithRequestChecksumCalculation(aws.RequestChecksumCalculationWhenRequired))
	}
	loaded, err := config.LoadDefaultConfig(ctx, settings...)
	if err != nil {
		return aws.Config{}, action.Advise(action.Final(fmt.Errorf("credentials for AWS: %w", err)),
			"Ask an operator to correct aws.mainAccount or the worker's AWS files, then retry.")
	}
	loaded.HTTPClient = &http.Client{Transport: o.Transport} // credentials are fetched by AWS's own
	return loaded, nil
}

// ask makes one request under a deadline, and explains its failure. The message begins with doing.
func ask[In, Out, Option any](ctx context.Context, doing string, request func(context.Context, In, ...Option) (Out, error), in In) (Out, error) {
	bounded, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	out, err := request(bounded, in)
	return out, explain(doing, err)
}

// explain makes an error for people of a failure of AWS's client. Nil stays nil.
func explain(doing string, err error) error {
	if err == nil {
		return nil
	}
	refusal, isAnswer := errors.AsType[smithy.APIError](err)
	if !isAnswer {
		return action.Advise(action.Transient(fmt.Errorf("%s: no answer from AWS: %w", doing, err), 0),
			"Check that the worker has credentials for AWS and reaches it, then retry.")
	}
	said := fmt.Sprintf("%s: AWS answered %s", doing, cmp.Or(refusal.ErrorMessage(), refusal.ErrorCode()))
	status, wait := 0, time.Duration(0)
	if response, has := errors.AsType[*smithyhttp.ResponseError](err); has {
		status = response.HTTPStatusCode()
		wait, _ = integration.RetryAfter(response.Response.Header)
	}
	switch {
	case refusal.ErrorFault() == smithy.FaultServer || status >= http.StatusInternalServerError || status == http.StatusTooManyRequests ||
		slices.Contains(throttled, refusal.ErrorCode()):
		return action.Transient(fmt.Errorf("%s: %w", said, err), wait)
	case status == http.StatusForbidden || slices.Contains(denied, refusal.ErrorCode()):
		return action.Advise(fault.Wrap(fault.NotAllowed, err, "%s", said), adviseRights)
	default:
		return action.Advise(fault.Wrap(fault.Input, err, "%s", said), "Correct the value, or the step's input in the template, and start a new run.")
	}
}

// The codes of AWS's services that say the same under status 400.
var (
	throttled = []string{"Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException", "SlowDown"}
	denied    = []string{"AccessDenied", "AccessDeniedException", "UnrecognizedClientException", "InvalidSignatureException", "ExpiredTokenException"}
)

// isCode reports whether AWS answered with this code.
func isCode(err error, code string) bool {
	refusal, is := errors.AsType[smithy.APIError](err)
	return is && refusal.ErrorCode() == code
}
