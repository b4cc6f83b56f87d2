"""Launch templates: a new version inherits from its source, and tags can change, which moto leaves out."""

from .rules import Refusal, after, before, instead
from .wire import ec2_reply


def _template(call):
    if name := call.get("LaunchTemplateName"):
        return call.ec2.get_launch_template_by_name(name)
    return call.ec2.get_launch_template(call.get("LaunchTemplateId"))


@before("CreateLaunchTemplateVersion")
def source(call):
    word = call.get("SourceVersion")
    if word:
        if word.isdigit() and int(word) > len(_template(call).versions):
            raise Refusal("InvalidLaunchTemplateId.VersionNotFound", f"Could not find launch template version {word}")
        call.memo["source"] = dict(_template(call).get_version(word).data)


@after("CreateLaunchTemplateVersion")
def inherits(call, text):
    if "source" in call.memo:
        version = _template(call).versions[-1]
        version.data = {**call.memo["source"], **{k: v for k, v in version.data.items() if v not in (None, [], {})}}


class Remaining(list):
    """By number as before; who goes over them does not see those that are gone."""

    def __init__(self, all):
        super().__init__(all)
        self.gone = set()

    def __iter__(self):
        return (version for version in super().__iter__() if version.number not in self.gone)


@instead("DeleteLaunchTemplateVersions")
def versions(call):
    template = _template(call)
    numbers = [int(number) for number in call.values("LaunchTemplateVersion")]
    if template.default_version_number in numbers:
        raise Refusal("InvalidLaunchTemplateVersion.DefaultVersion", "You cannot delete the default version of a launch template")
    if not isinstance(template.versions, Remaining):
        template.versions = Remaining(template.versions)
    known = {version.number for version in template.versions}
    template.versions.gone |= known & set(numbers)
    sets = {"successfullyDeleted": "", "unsuccessfullyDeleted": ""}
    for number in numbers:
        error = "<responseError><code>launchTemplateVersionDoesNotExist</code></responseError>"
        name, more = ("successfullyDeleted", "") if number in known else ("unsuccessfullyDeleted", error)
        sets[name] += f"<item><launchTemplateId>{template.id}</launchTemplateId><versionNumber>{number}</versionNumber>{more}</item>"
    return ec2_reply(call, "".join(f"<{name}LaunchTemplateVersionSet>{items}</{name}LaunchTemplateVersionSet>" for name, items in sets.items()))


@after("CreateTags", "DeleteTags")
def tags_of_templates(call, text):
    for name in call.values("ResourceId"):
        if name in call.ec2.launch_templates:
            template = call.ec2.launch_templates[name]
            template.tags = template.get_tags()
