"""Instance profiles: an instance has the one that its association was given last, which moto leaves out."""

from .rules import after


@after("ReplaceIamInstanceProfileAssociation")
def shows(call, text):
    for name, association in call.ec2.iam_instance_profile_associations.items():
        if association.association_id == call.get("AssociationId"):
            profile = {"Arn": association.iam_instance_profile.arn, "Id": association.association_id}
            call.ec2.modify_instance_attribute(name, "iam_instance_profile", profile)
