package aws

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/portico-dev/portico/activities/internal/system"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

const repositoryKind = "aws:ecr:repository"

// createRepository is roadiehq:aws:ecr:create.
type createRepository struct{ options Options }

// Describe lists the action with Roadie's schema.
func (createRepository) Describe() action.Description {
	return action.Description{
		ID:           "roadiehq:aws:ecr:create",
		Description:  "Creates a repository for container images on Amazon's registry ECR.",
		InputSchema:  repositoryInput,
		OutputSchema: repositoryOutput,
		Undoes:       "Deletes the repository, unless somebody has pushed an image to it.",
		Needs: []string{needsAccount,
			"The rights ecr:CreateRepository, ecr:DescribeRepositories, ecr:ListImages and ecr:DeleteRepository; with `tags`, ecr:TagResource too."},
		Differences: []string{
			"A repository that exists already is left untouched and fails the step with that reason.",
			"ECR does not say who created a repository. One of this name that appears between the intent and the end of an attempt that was cut off is taken " +
				"for the run's.",
			"The outputs are Portico's own.",
		},
		Examples: []action.Example{
			{Description: "A repository whose tags cannot be moved, as without imageMutability", Example: `steps:
  - id: images
    name: Create the image repository
    action: roadiehq:aws:ecr:create
    input:
      repoName: shop/${{ parameters.name }}
      region: eu-west-1
      scanOnPush: true
`},
			{Description: "With tags of AWS", Example: `steps:
  - id: images
    name: Create the image repository
    action: roadiehq:aws:ecr:create
    input:
      repoName: ${{ parameters.name }}
      region: us-east-1
      imageMutability: true
      tags:
        - Key: team
          Value: payments
`},
		},
	}
}

// tag is a tag of AWS, as a template writes it.
type tag struct{ Key, Value string }

type repositoryWanted struct {
	RepoName        string `json:"repoName"`
	Region          string `json:"region"`
	Tags            []tag  `json:"tags"`
	ImageMutability bool   `json:"imageMutability"`
	ScanOnPush      bool   `json:"scanOnPush"`
}

// place is where a repository or a secret is.
type place struct {
	Region  string `json:"region"`
	Profile string `json:"profile,omitempty"`
	Name    string `json:"name"`
}

// registry is ECR in a region.
type registry struct {
	place

	client *ecr.Client
}

func (a createRepository) registry(ctx context.Context, at place) (registry, error) {
	settings, err := a.options.connect(ctx, at.Region, "")
	return registry{place: at, client: ecr.NewFromConfig(settings)}, err
}

func (a createRepository) begin(ctx context.Context, call *action.Call) (repositoryWanted, registry, error) {
	var wanted repositoryWanted
	if err := call.Decode(&wanted); err != nil {
		return wanted, registry{}, err
	}
	r, err := a.registry(ctx, place{Region: wanted.Region, Name: wanted.RepoName})
	return wanted, r, err
}

// Run creates the repository.
func (a createRepository) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	wanted, r, err := a.begin(ctx, call)
	if err != nil {
		return nil, err
	}
	spec := r.repository()
	spec.Create = func(ctx context.Context, _ action.Effect) (*resource.Found[types.Repository], error) {
		return r.create(ctx, wanted)
	}
	made, err := system.Ensure(ctx, call, spec)
	if err != nil {
		return nil, err
	}
	call.Log.Info("Created ECR repository: %s", aws.ToString(made.RepositoryUri))
	return action.Output{"repositoryUri": aws.ToString(made.RepositoryUri), "repositoryArn": aws.ToString(made.RepositoryArn)}, nil
}

// Undo deletes the repository.
func (a createRepository) Undo(ctx context.Context, call *action.UndoCall) error {
	at, err := system.Kept[place](call.Effect)
	if err != nil {
		return err
	}
	r, err := a.registry(ctx, at)
	if err != nil {
		return err
	}
	return system.Remove(ctx, call, r.repository())
}

// Plan looks whether the name is free.
func (a createRepository) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	_, r, err := a.begin(ctx, call)
	if err != nil {
		return action.Plan{}, err
	}
	return resource.Plan(ctx, r.repository(), fmt.Sprintf("create the repository %s on ECR in %s", r.Name, r.Region))
}

// repository describes the repository to package resource, for finding and deleting it.
func (r registry) repository() resource.Spec[types.Repository] {
	return resource.Spec[types.Repository]{
		Intent: action.Intent{Kind: repositoryKind, Name: r.Region + "/" + r.Name, Data: r.place},
		Title:  fmt.Sprintf("the repository %s on ECR in %s", r.Name, r.Region),
		Find: func(ctx context.Context, _ action.Effect) (*resource.Found[types.Repository], error) {
			return r.find(ctx)
		},
		Delete: func(ctx context.Context, _ types.Repository) error {
			// Without force, ECR refuses to delete one with images.
			_, err := ask(ctx, "deleting the repository "+r.Name, r.client.DeleteRepository, &ecr.DeleteRepositoryInput{RepositoryName: &r.Name})
			return err
		},
		Used: func(ctx context.Context, _ action.Effect, _ types.Repository) (string, error) { return r.useOf(ctx) },
	}
}

// found is a repository. Its ARN is made of its name; one that was created anew has another time.
func found(made types.Repository) *resource.Found[types.Repository] {
	id := aws.ToString(made.RepositoryArn)
	if made.CreatedAt != nil {
		id += " of " + made.CreatedAt.UTC().Format(time.RFC3339Nano)
	}
	return &resource.Found[types.Repository]{Thing: made, ID: id}
}

func (r registry) find(ctx context.Context) (*resource.Found[types.Repository], error) {
	answer, err := ask(ctx, "looking for the repository "+r.Name, r.client.DescribeRepositories,
		&ecr.DescribeRepositoriesInput{RepositoryNames: []string{r.Name}})
	switch {
	case isCode(err, "RepositoryNotFoundException"):
		return nil, nil
	case err != nil:
		return nil, err
	case len(answer.Repositories) == 0:
		return nil, nil
	}
	return found(answer.Repositories[0]), nil
}

func (r registry) create(ctx context.Context, wanted repositoryWanted) (*resource.Found[types.Repository], error) {
	request := &ecr.CreateRepositoryInput{RepositoryName: &r.Name, ImageTagMutability: types.ImageTagMutabilityImmutable,
		ImageScanningConfiguration: &types.ImageScanningConfiguration{ScanOnPush: wanted.ScanOnPush}}
	if wanted.ImageMutability {
		request.ImageTagMutability = types.ImageTagMutabilityMutable
	}
	for _, one := range wanted.Tags {
		request.Tags = append(request.Tags, types.Tag{Key: &one.Key, Value: &one.Value})
	}
	answer, err := ask(ctx, "creating the repository "+r.Name, r.client.CreateRepository, request)
	switch {
	case isCode(err, "RepositoryAlreadyExistsException"):
		return nil, resource.Exists(err)
	case err != nil:
		return nil, err
	}
	return found(*answer.Repository), nil
}

// useOf says whether the repository has images.
func (r registry) useOf(ctx context.Context) (string, error) {
	answer, err := ask(ctx, "listing the images of "+r.Name, r.client.ListImages, &ecr.ListImagesInput{RepositoryName: &r.Name, MaxResults: aws.Int32(1)})
	if err != nil || len(answer.ImageIds) == 0 {
		return "", err
	}
	image := answer.ImageIds[0]
	return strings.TrimSpace("it has the image " + aws.ToString(image.ImageTag) + " " + aws.ToString(image.ImageDigest)), nil
}
