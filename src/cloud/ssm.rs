//! The calls of Systems Manager that are used.

pub use aws_sdk_ssm::types;

crate::service_calls! {
    /// The calls of Systems Manager that are used.
    pub trait Ssm, SsmClient for aws_sdk_ssm as "ssm": {
        read get_parameter(GetParameter: GetParameterInputBuilder) -> GetParameterOutput;
        read get_parameters(GetParameters: GetParametersInputBuilder) -> GetParametersOutput;
        read get_parameters_by_path(GetParametersByPath: GetParametersByPathInputBuilder) -> GetParametersByPathOutput;
        read describe_parameters(DescribeParameters: DescribeParametersInputBuilder) -> DescribeParametersOutput;
        read list_tags_for_resource(ListTagsForResource: ListTagsForResourceInputBuilder) -> ListTagsForResourceOutput;
        same put_parameter(PutParameter: PutParameterInputBuilder) -> PutParameterOutput;
        same delete_parameter(DeleteParameter: DeleteParameterInputBuilder) -> DeleteParameterOutput;
        same add_tags_to_resource(AddTagsToResource: AddTagsToResourceInputBuilder) -> AddTagsToResourceOutput;
        same remove_tags_from_resource(RemoveTagsFromResource: RemoveTagsFromResourceInputBuilder) -> RemoveTagsFromResourceOutput;
    }
}
