// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// An archive is one tar file, not compressed, since what is in it is. Its files come in this order, so that whoever reads it
// knows from the first bytes on whether they may be believed:
//
//	SHA256SUMS       of all that follow but the signature, as sha256sum(1) writes and reads it
//	SHA256SUMS.sig   a signature of that file, as `ssh-keygen -Y sign` makes it; absent from an unsigned archive
//	archive.json     Contents
//	oci-layout       marks what follows as an OCI image layout: images of all platforms, and charts as Helm pushes them
//	index.json       the layout's entry: every image and chart with its name
//	assets/          what machines netboot
//	blobs/sha256/    the layout's content
const (
	sumsFile      = "SHA256SUMS"
	signatureFile = "SHA256SUMS.sig"
	contentsFile  = "archive.json"
	layoutFile    = "oci-layout"
	indexFile     = "index.json"
	assetsFolder  = "assets/"
	blobsFolder   = "blobs/sha256/"
)

const (
	// formatVersion is of Contents and of the order above.
	formatVersion = 1
	// maxSmallFile bounds every file that is read into memory. paas-full has some 200 images of 20 blobs each: 400 KiB of sums.
	maxSmallFile = 16 << 20
	// maxSignature bounds the signature. One of an ed25519 key has 300 bytes.
	maxSignature = 16 << 10
	// maxFile is what a header of the plain tar format can say.
	maxFile = 8<<30 - 1
)

// Contents says what is in an archive.
type Contents struct {
	Format     int      `json:"format"` // 1
	Bundle     string   `json:"bundle"`
	Talos      string   `json:"talos,omitempty"`      // version; empty for a hosted bundle
	Schematic  string   `json:"schematic,omitempty"`  // of the boot assets and the installer
	Kubernetes string   `json:"kubernetes,omitempty"` // version
	Platforms  []string `json:"platforms"`            // linux/amd64

	// Controller is the complete name of cozy-controller's image, one of Images. Empty: the archive has none.
	Controller string `json:"controller,omitempty"`
	// Program is the version of the programs that the image was made of. Empty: it was not made, but named.
	Program string `json:"program,omitempty"`

	Images []SavedImage `json:"images"`
	Charts []SavedChart `json:"charts"`
	Assets []SavedAsset `json:"assets,omitempty"`
}

// SavedImage is an image, for those platforms of Contents for which its registry has it.
type SavedImage struct {
	Name   string  `json:"name"`   // complete, as Image.String writes it
	Digest v1.Hash `json:"digest"` // what its name pointed to when it was saved: an index, mostly
	// Lacks are the platforms it does not exist for.
	Lacks []string `json:"lacks,omitempty"`
}

// SavedChart is a chart.
type SavedChart struct {
	Name    string  `json:"name"`
	Version string  `json:"version"`
	Digest  v1.Hash `json:"digest"` // of its manifest
}

// SavedAsset is a file that machines boot from.
type SavedAsset struct {
	Name string `json:"name"`
	Size int64  `json:"size"`
}

// parseContents reads archive.json of an archive that others made.
func parseContents(raw []byte) (Contents, error) {
	var c Contents
	if err := json.Unmarshal(raw, &c); err != nil {
		return Contents{}, fmt.Errorf("%s: %w", contentsFile, err)
	}
	if c.Format != formatVersion {
		return Contents{}, fmt.Errorf("%s: format %d: this version reads %d", contentsFile, c.Format, formatVersion)
	}
	var wrong []error
	for _, image := range c.Images {
		_, err := ParseImage(image.Name)
		wrong = append(wrong, err, checkSHA256(image.Name, image.Digest))
	}
	for _, chart := range c.Charts {
		if !isChartName(chart.Name) || !isTag(chartTag(chart.Version)) {
			wrong = append(wrong, fmt.Errorf("chart %q %q: not a name and a version", chart.Name, chart.Version))
		}
		wrong = append(wrong, checkSHA256(chart.Name, chart.Digest))
	}
	for _, asset := range c.Assets {
		if !isAssetName(asset.Name) {
			wrong = append(wrong, fmt.Errorf("asset %q: not the name of a file", asset.Name))
		}
	}
	if _, has := c.Image(c.Controller); c.Controller != "" && !has {
		wrong = append(wrong, fmt.Errorf("controller %q: not one of the images", c.Controller))
	}
	if err := errors.Join(wrong...); err != nil {
		return Contents{}, fmt.Errorf("%s: %w", contentsFile, err)
	}
	return c, nil
}

// Image finds an image by its complete name.
func (c Contents) Image(name string) (SavedImage, bool) {
	i := slices.IndexFunc(c.Images, func(saved SavedImage) bool { return saved.Name == name })
	if i < 0 {
		return SavedImage{}, false
	}
	return c.Images[i], true
}

func checkSHA256(name string, sum v1.Hash) error {
	if sum.Algorithm != "sha256" || !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(sum.Hex) {
		return fmt.Errorf("%s: digest %q is no SHA-256", name, sum)
	}
	return nil
}

func isChartName(name string) bool {
	return len(name) <= 128 && regexp.MustCompile(`^[a-z0-9]+([._-]+[a-z0-9]+)*$`).MatchString(name)
}

// isTag is the rule of the OCI distribution specification.
func isTag(tag string) bool { return regexp.MustCompile(`^\w[\w.-]{0,127}$`).MatchString(tag) }

func isAssetName(name string) bool {
	return name == path.Base(name) && len(name) < 80 && regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z._-]*$`).MatchString(name)
}

// chartTag is the tag of a chart's version: registries have no +, and Helm writes _ for it.
func chartTag(version string) string { return strings.ReplaceAll(version, "+", "_") }

func blobFile(sum v1.Hash) string { return blobsFolder + sum.Hex }
