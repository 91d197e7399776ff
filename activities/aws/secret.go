package aws

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/portico-dev/portico/activities/internal/system"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

const secretKind = "aws:secrets-manager:secret"

// createSecret is roadiehq:aws:secrets-manager:create.
type createSecret struct{ options Options }

// Describe lists the action with Roadie's schema.
func (createSecret) Describe() action.Description {
	return action.Description{
		ID:           "roadiehq:aws:secrets-manager:create",
		Description:  "Creates a secret in AWS Secrets Manager.",
		InputSchema:  secretInput,
		OutputSchema: secretOutput,
		Undoes:       "Deletes the secret for good, unless somebody has given it another value or a rotation.",
		Needs: []string{needsAccount,
			"The rights secretsmanager:CreateSecret, secretsmanager:DescribeSecret and secretsmanager:DeleteSecret; with `tags`, secretsmanager:TagResource too."},
		Differences: []string{
			"A secret that exists already is left untouched and fails the step with that reason. Roadie's action logs the error and goes on.",
			"`profile` is one of the configuration's `aws.accounts`.",
			"Secrets Manager does not say who created a secret. One of this name that appears between the intent and the end of an attempt that was cut off is " +
				"taken for the run's.",
			"The output is Portico's own.",
		},
		Examples: []action.Example{
			{Description: "Store a password that was entered in the form", Example: `steps:
  - id: secret
    name: Store the database's password
    action: roadiehq:aws:secrets-manager:create
    input:
      name: payments/database
      region: eu-west-1
      description: The password of the database of payments
      value: ${{ secrets.databasePassword }}
`},
			{Description: "A secret that gets its value later", Example: `steps:
  - id: secret
    name: Create the secret
    action: roadiehq:aws:secrets-manager:create
    input:
      name: ${{ parameters.name }}/api-key
      region: us-east-1
      tags:
        - Key: team
          Value: payments
`},
		},
	}
}

type secretWanted struct {
	Name        string  `json:"name"`
	Region      string  `json:"region"`
	Profile     string  `json:"profile"`
	Description *string `json:"description"`
	Value       *string `json:"value"`
	Tags        []tag   `json:"tags"`
}

// secretPlace is what the ledger keeps about a secret.
type secretPlace struct {
	place

	// Versions is how many values the step has given it: one, or none.
	Versions int `json:"versions"`
}

// safe is Secrets Manager in a region.
type safe struct {
	secretPlace

	client *secretsmanager.Client
}

func (a createSecret) safe(ctx context.Context, at secretPlace) (safe, error) {
	settings, err := a.options.connect(ctx, at.Region, at.Profile)
	return safe{secretPlace: at, client: secretsmanager.NewFromConfig(settings)}, err
}

func (a createSecret) begin(ctx context.Context, call *action.Call) (secretWanted, safe, error) {
	var wanted secretWanted
	if err := call.Decode(&wanted); err != nil {
		return wanted, safe{}, err
	}
	at := secretPlace{place: place{Region: wanted.Region, Profile: wanted.Profile, Name: wanted.Name}}
	if wanted.Value != nil {
		at.Versions = 1
	}
	s, err := a.safe(ctx, at)
	return wanted, s, err
}

// Run creates the secret.
func (a createSecret) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	wanted, s, err := a.begin(ctx, call)
	if err != nil {
		return nil, err
	}
	spec := s.secret()
	spec.Create = func(ctx context.Context, _ action.Effect) (*resource.Found[string], error) {
		return s.create(ctx, wanted)
	}
	arn, err := system.Ensure(ctx, call, spec)
	if err != nil {
		return nil, err
	}
	call.Log.Info("secret successfully created: %s", wanted.Name)
	return action.Output{"arn": arn}, nil
}

// Undo deletes the secret.
func (a createSecret) Undo(ctx context.Context, call *action.UndoCall) error {
	at, err := system.Kept[secretPlace](call.Effect)
	if err != nil {
		return err
	}
	s, err := a.safe(ctx, at)
	if err != nil {
		return err
	}
	return system.Remove(ctx, call, s.secret())
}

// Plan looks whether the name is free.
func (a createSecret) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	_, s, err := a.begin(ctx, call)
	if err != nil {
		return action.Plan{}, err
	}
	return resource.Plan(ctx, s.secret(), fmt.Sprintf("create the secret %s in Secrets Manager in %s", s.Name, s.Region))
}

// secret describes the secret to package resource by its ARN, for finding and deleting it.
func (s safe) secret() resource.Spec[string] {
	return resource.Spec[string]{
		Intent: action.Intent{Kind: secretKind, Name: s.Region + "/" + s.Name, Data: s.secretPlace},
		Title:  fmt.Sprintf("the secret %s in Secrets Manager in %s", s.Name, s.Region),
		Find: func(ctx context.Context, _ action.Effect) (*resource.Found[string], error) {
			described, err := s.describe(ctx)
			if err != nil || described == nil {
				return nil, err
			}
			return foundSecret(described.ARN), nil
		},
		Delete: func(ctx context.Context, arn string) error {
			// The name is free again at once only without the days of recovery, and a retry needs it.
			_, err := ask(ctx, "deleting the secret "+s.Name, s.client.DeleteSecret,
				&secretsmanager.DeleteSecretInput{SecretId: &arn, ForceDeleteWithoutRecovery: aws.Bool(true)})
			return err
		},
		Used: func(ctx context.Context, _ action.Effect, _ string) (string, error) {
			described, err := s.describe(ctx)
			if err != nil || described == nil {
				return "", err
			}
			return s.useOf(described), nil
		},
	}
}

// foundSecret is a secret: an ARN ends with six characters of its own, so a later secret of the name has another.
func foundSecret(arn *string) *resource.Found[string] {
	return &resource.Found[string]{Thing: aws.ToString(arn), ID: aws.ToString(arn)}
}

// useOf says what somebody else has done with a secret.
func (s safe) useOf(described *secretsmanager.DescribeSecretOutput) string {
	switch {
	case aws.ToBool(described.RotationEnabled):
		return "it is rotated"
	case len(described.VersionIdsToStages) > s.Versions:
		return "it was given another value"
	}
	return ""
}

// describe reads the secret without its value, nil when there is none or it is being deleted.
func (s safe) describe(ctx context.Context) (*secretsmanager.DescribeSecretOutput, error) {
	described, err := ask(ctx, "looking for the secret "+s.Name, s.client.DescribeSecret, &secretsmanager.DescribeSecretInput{SecretId: &s.Name})
	if isCode(err, "ResourceNotFoundException") || err == nil && described.DeletedDate != nil {
		return nil, nil
	}
	return described, err
}

func (s safe) create(ctx context.Context, wanted secretWanted) (*resource.Found[string], error) {
	request := &secretsmanager.CreateSecretInput{Name: &s.Name, Description: wanted.Description, SecretString: wanted.Value}
	for _, one := range wanted.Tags {
		request.Tags = append(request.Tags, types.Tag{Key: &one.Key, Value: &one.Value})
	}
	made, err := ask(ctx, "creating the secret "+s.Name, s.client.CreateSecret, request)
	switch {
	case isCode(err, "ResourceExistsException"):
		return nil, resource.Exists(err)
	case err != nil:
		return nil, err
	}
	return foundSecret(made.ARN), nil
}
