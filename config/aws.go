package config

// AWS is where the actions on AWS act, in the form of Backstage's package for it.
type AWS struct {
	// MainAccount is nil when there is none: the actions act on no account then.
	MainAccount *AWSAccount  `yaml:"mainAccount"`
	Accounts    []AWSProfile `yaml:"accounts"`
}

// AWSProfile is a further account, which templates may name by its profile, and sources by its id.
type AWSProfile struct {
	Profile         string `yaml:"profile"`
	AccountID       string `yaml:"accountId"`
	AccessKeyID     string `yaml:"accessKeyId"`
	SecretAccessKey Secret `yaml:"secretAccessKey"`
	// RoleName is refused where a source names the account.
	RoleName string `yaml:"roleName"`
}

// AWSAccount is who acts at AWS: a pair of keys, a profile of AWS's files, or, without both, who the environment says.
type AWSAccount struct {
	AccessKeyID     string `yaml:"accessKeyId"`
	SecretAccessKey Secret `yaml:"secretAccessKey"`
	Profile         string `yaml:"profile"`
}

// AWSS3 is a server that speaks the protocol of S3.
type AWSS3 struct {
	Endpoint         string `yaml:"endpoint"`
	AccessKeyID      string `yaml:"accessKeyId"`
	SecretAccessKey  Secret `yaml:"secretAccessKey"`
	S3ForcePathStyle bool   `yaml:"s3ForcePathStyle"`
}
