package bucket

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"gocloud.dev/blob"
	"gocloud.dev/blob/azureblob"

	"github.com/portico-dev/portico/config"
)

var (
	// accounts and containers are names at Azure. They become parts of an address.
	accounts   = regexp.MustCompile(`^[a-z0-9]{3,24}$`)
	containers = regexp.MustCompile(`^[$a-z0-9][a-z0-9-]{1,62}$`)
)

// azurePlace is a container of a storage account, which must be one of integrations.azureBlobStorage, as in Backstage.
func azurePlace(configured config.AzureBlobProvider, options Options) (place, error) {
	all := options.Integrations.AzureBlobStorage
	n := slices.IndexFunc(all, func(one config.AzureBlobStorage) bool { return one.AccountName == configured.AccountName })
	switch {
	case !accounts.MatchString(configured.AccountName):
		return place{}, fmt.Errorf("accountName '%s' is no name of a storage account", configured.AccountName)
	case !containers.MatchString(configured.ContainerName):
		return place{}, fmt.Errorf("containerName '%s' is no name of a container", configured.ContainerName)
	case n < 0:
		return place{}, fmt.Errorf("integrations.azureBlobStorage has no entry with the accountName %s", configured.AccountName)
	}
	account, key := all[n], fmt.Sprintf("integrations.azureBlobStorage[%d]", n)
	address := account.Endpoint
	if address == "" {
		address = "https://" + account.AccountName + "." + account.Host
	}
	at, err := baseOf(address, key+".endpoint")
	if err != nil {
		return place{}, err
	}
	credential := account.AADCredential
	if known := []string{credential.TenantID, credential.ClientID, string(credential.ClientSecret)}; slices.Contains(known, "") && strings.Join(known, "") != "" {
		return place{}, fmt.Errorf("%s.aadCredential needs tenantId, clientId and clientSecret", key)
	}
	base := at.JoinPath(configured.ContainerName).String()
	open := func(ctx context.Context, client *http.Client) (*blob.Bucket, error) {
		connected, err := connectAzure(base, account, client)
		if err != nil {
			return nil, err
		}
		return azureblob.OpenBucket(ctx, connected, nil)
	}
	return place{name: account.AccountName + "/" + configured.ContainerName, base: base, open: open,
		rights: "the role Storage Blob Data Reader, or a token that may list and read"}, nil
}

// connectAzure makes the client of a container with the first credentials that the account has.
func connectAzure(base string, account config.AzureBlobStorage, client *http.Client) (*container.Client, error) {
	// The sweep reads a page again, and waits in the meantime.
	options := &container.ClientOptions{ClientOptions: azcore.ClientOptions{Transport: client, Retry: policy.RetryOptions{MaxRetries: -1}}}
	if account.AccountKey != "" {
		shared, err := container.NewSharedKeyCredential(account.AccountName, string(account.AccountKey))
		if err != nil {
			return nil, fmt.Errorf("the accountKey of %s is no key: it is written in base64", account.AccountName)
		}
		return container.NewClientWithSharedKeyCredential(base, shared, options)
	}
	if account.SASToken != "" {
		return container.NewClientWithNoCredential(base+"?"+strings.TrimPrefix(string(account.SASToken), "?"), options)
	}
	token, err := azureToken(account.AADCredential)
	if err != nil {
		return nil, fmt.Errorf("credentials for the storage account %s: %w", account.AccountName, err)
	}
	return container.NewClient(base, token, options)
}

// azureToken signs in as an application, or as who the environment says.
func azureToken(configured config.AADCredential) (azcore.TokenCredential, error) {
	if configured.ClientID != "" {
		return azidentity.NewClientSecretCredential(configured.TenantID, configured.ClientID, string(configured.ClientSecret), nil)
	}
	return azidentity.NewDefaultAzureCredential(nil)
}
