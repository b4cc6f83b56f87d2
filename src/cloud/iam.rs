//! The calls of IAM that are used.

pub use aws_sdk_iam::types;

crate::service_calls! {
    /// The calls of IAM that are used.
    pub trait Iam, IamClient for aws_sdk_iam as "iam": {
        read get_role(GetRole: GetRoleInputBuilder) -> GetRoleOutput;
        read list_roles(ListRoles: ListRolesInputBuilder) -> ListRolesOutput;
        read list_attached_role_policies(ListAttachedRolePolicies: ListAttachedRolePoliciesInputBuilder) -> ListAttachedRolePoliciesOutput;
        read list_role_policies(ListRolePolicies: ListRolePoliciesInputBuilder) -> ListRolePoliciesOutput;
        read list_role_tags(ListRoleTags: ListRoleTagsInputBuilder) -> ListRoleTagsOutput;
        read list_instance_profiles_for_role(ListInstanceProfilesForRole: ListInstanceProfilesForRoleInputBuilder) -> ListInstanceProfilesForRoleOutput;
        read get_instance_profile(GetInstanceProfile: GetInstanceProfileInputBuilder) -> GetInstanceProfileOutput;
        read list_instance_profiles(ListInstanceProfiles: ListInstanceProfilesInputBuilder) -> ListInstanceProfilesOutput;
        read list_policies(ListPolicies: ListPoliciesInputBuilder) -> ListPoliciesOutput;
        another create_role(CreateRole: CreateRoleInputBuilder) -> CreateRoleOutput;
        same update_role(UpdateRole: UpdateRoleInputBuilder) -> UpdateRoleOutput;
        same update_role_description(UpdateRoleDescription: UpdateRoleDescriptionInputBuilder) -> UpdateRoleDescriptionOutput;
        same update_assume_role_policy(UpdateAssumeRolePolicy: UpdateAssumeRolePolicyInputBuilder) -> UpdateAssumeRolePolicyOutput;
        same delete_role(DeleteRole: DeleteRoleInputBuilder) -> DeleteRoleOutput;
        same attach_role_policy(AttachRolePolicy: AttachRolePolicyInputBuilder) -> AttachRolePolicyOutput;
        same detach_role_policy(DetachRolePolicy: DetachRolePolicyInputBuilder) -> DetachRolePolicyOutput;
        same delete_role_policy(DeleteRolePolicy: DeleteRolePolicyInputBuilder) -> DeleteRolePolicyOutput;
        same put_role_permissions_boundary(PutRolePermissionsBoundary: PutRolePermissionsBoundaryInputBuilder) -> PutRolePermissionsBoundaryOutput;
        same delete_role_permissions_boundary(DeleteRolePermissionsBoundary: DeleteRolePermissionsBoundaryInputBuilder) -> DeleteRolePermissionsBoundaryOutput;
        same tag_role(TagRole: TagRoleInputBuilder) -> TagRoleOutput;
        same untag_role(UntagRole: UntagRoleInputBuilder) -> UntagRoleOutput;
        another create_instance_profile(CreateInstanceProfile: CreateInstanceProfileInputBuilder) -> CreateInstanceProfileOutput;
        same delete_instance_profile(DeleteInstanceProfile: DeleteInstanceProfileInputBuilder) -> DeleteInstanceProfileOutput;
        same add_role_to_instance_profile(AddRoleToInstanceProfile: AddRoleToInstanceProfileInputBuilder) -> AddRoleToInstanceProfileOutput;
        same remove_role_from_instance_profile(RemoveRoleFromInstanceProfile: RemoveRoleFromInstanceProfileInputBuilder) -> RemoveRoleFromInstanceProfileOutput;
        same tag_instance_profile(TagInstanceProfile: TagInstanceProfileInputBuilder) -> TagInstanceProfileOutput;
        same untag_instance_profile(UntagInstanceProfile: UntagInstanceProfileInputBuilder) -> UntagInstanceProfileOutput;
    }
}
