"""Launch templates: a new version inherits from its source, and tags can change, which moto leaves out."""

from .rules import Refusal, after, before


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


@after("CreateTags", "DeleteTags")
def tags_of_templates(call, text):
    for name in call.values("ResourceId"):
        if name in call.ec2.launch_templates:
            template = call.ec2.launch_templates[name]
            template.tags = template.get_tags()
